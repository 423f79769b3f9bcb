"""Run the projector: until it is told to stop, or until the tables have what there was."""

import sys
from dataclasses import replace
from threading import Event
from typing import Final

from structlog.typing import FilteringBoundLogger

from consumers.errors import Fenced, SeatLost
from consumers.logs import get_log
from consumers.projector.garbage import collecting_seldom
from consumers.projector.projector import Projector
from consumers.projector.reading import committed_ends
from consumers.projector.settings import OnProgress, ProjectorResult, ProjectorSettings
from events.codec import Codec
from projections.faults import CheckpointLost

_SWITCH_INTERVAL_S: Final = 0.0005
"""The writer takes some ten short turns for each projection and batch: none should wait 5 ms."""


def run_projector(
    settings: ProjectorSettings,
    codec: Codec,
    *,
    stop: Event,
    until_caught_up: bool = False,
    on_progress: OnProgress | None = None,
) -> ProjectorResult:
    """Project until `stop` is set, or until what was there at the start is in the tables.

    PostgreSQL and the registry may be down for any time: it waits, stays in its group, and goes
    on where it was.

    Raises:
        Fenced: Another projector works on the same tables, or took this one's place in the group.
        SeatLost: Kafka expelled it from the group: it was silent for too long.
        ConfigurationError: An offset that a checkpoint stands at is gone from its topic.
        ServiceUnreachable: Kafka did not answer at the start.
    """
    log = get_log()
    projections = [one.name for one in settings.projections]
    log.info("projector_start", build=settings.build, projections=projections)
    projector = Projector(settings, codec)
    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        projector.prepare(stop)
        ends = committed_ends(settings.cluster, settings.projections) if until_caught_up else None
        with collecting_seldom():
            while not stop.is_set():
                progress = projector.step()
                if on_progress is not None:
                    on_progress(progress)
                if ends is not None and projector.has_reached(ends):
                    reached = replace(projector.progress, caught_up=True)
                    return _ended(log, ProjectorResult(progress=reached, stopped=False))
            projector.settle()
            return _ended(log, ProjectorResult(progress=projector.progress, stopped=True))
    except CheckpointLost as error:
        log.critical("projection_checkpoint_lost", error=str(error))
        raise Fenced(str(error)) from error
    except Fenced:
        raise
    except SeatLost as error:  # nobody need have taken its place: whoever started it has to know
        raise SeatLost(f"{error}; start it again: it goes on from where tables stand") from error
    finally:
        sys.setswitchinterval(switch_interval)
        projector.close()


def _ended(log: FilteringBoundLogger, result: ProjectorResult) -> ProjectorResult:
    done = result.progress
    log.info(
        "projector_shutdown",
        records=done.records,
        applied=done.applied,
        parked=done.failed,
        waiting=done.waiting,
    )
    return result
