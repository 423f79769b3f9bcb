"""Tell the tables anew from the first offset on, beside the live ones, and swap."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from consumers.errors import Refused, ServiceUnreachable
from consumers.logs import get_log
from consumers.projector.building import Building, RebuildSettings, loads_of, start_building
from consumers.projector.finishing import OnProgress, Rebuilt, catch_up, fill_empty, finish, told
from consumers.projector.history import History
from consumers.projector.loading import load
from consumers.projector.recorder import ProjectionRecorder
from consumers.projector.spreading import Workers
from events.codec import Codec
from projections.checkpoints import Partition
from projections.failures import FAILURES
from projections.faults import CheckpointLost, Unavailable
from projections.projection import Projection, events_read
from projections.shadow import RebuildUnderWay, Shadow, Unfit


def rebuild(
    settings: RebuildSettings,
    codec: Codec,
    projections: Sequence[Projection],
    on_progress: OnProgress = lambda _phase, _done, _total: None,
) -> list[Rebuilt]:
    """Rebuild each projection's tables and swap them in, one transaction each.

    The new tables end at exactly the checkpoints of the live ones, so a projector that runs
    meanwhile goes on as if nothing had happened. Where the live tables have no checkpoint the new
    ones go to the log's end. No consumer group is joined.

    Raises:
        Refused: The new tables would park what the live ones hold, or another rebuild is under way.
        ConfigurationError: A topic's head is gone.
        ServiceUnreachable: Kafka, the registry or PostgreSQL does not answer. Projections not yet
            swapped are as they were, but for empty tables that have rows again.
    """
    recorder = ProjectionRecorder(settings.cluster, codec)
    recorder.prepare()
    try:
        with ExitStack() as stack:
            brief = codec.with_gates_as_text()
            wanted = events_read(projections) | FAILURES.events
            history = stack.enter_context(History(settings.cluster, brief, wanted))
            buildings = start_building(settings, brief, history, projections, stack)
            _load(settings, codec, buildings, on_progress)
            catch_up(history, buildings, on_progress)
            on_progress("filling empty tables", 0, len(buildings))
            filled = fill_empty(buildings, settings.processes)
            found = []
            for at, one in enumerate(buildings):
                begins = partial(told, on_progress, at, buildings)
                rebuilt = finish(settings, history, recorder, one, begins)
                found.append(replace(rebuilt, rows_changed=rebuilt.rows_changed + filled[at]))
                one.close()  # at once: there may not be room for two of everything
            return found
    except RebuildUnderWay as error:
        raise Refused(str(error)) from error
    except CheckpointLost as error:
        raise ServiceUnreachable(
            "PostgreSQL lost the new tables in a crash; the live ones are as they were: start the "
            "rebuild again"
        ) from error
    except Unavailable as error:
        raise ServiceUnreachable(
            f"{error}; start the rebuild again, it goes on with what is there"
        ) from error


def discard(dsn: str, projection: Projection) -> bool:
    """Drop what an interrupted rebuild of `projection` left; return whether there was anything.

    Raises:
        Refused: A rebuild of it is under way.
        ServiceUnreachable: PostgreSQL does not answer.
    """
    try:
        return Shadow(dsn, projection).discard()
    except RebuildUnderWay as error:
        raise Refused(str(error)) from error
    except Unavailable as error:
        raise ServiceUnreachable(str(error)) from error


def _load(
    settings: RebuildSettings, codec: Codec, buildings: list[Building], on_progress: OnProgress
) -> None:
    """Fill tables that have no indexes yet up to about where the live ones are; then index them."""
    empty = [one for one in buildings if not one.shadow.is_loaded]
    for one in empty:
        one.aim(one.shadow.live_checkpoints())
    loads = loads_of(settings, empty)
    at = {one.partition: one.start for one in loads}
    total = sum(one.end for one in loads)

    def note(partition: Partition, offset: int) -> None:
        at[partition] = max(offset, at[partition])
        on_progress("loading", sum(at.values()), total)

    workers = Workers(
        registry_url=settings.registry_url,
        processes=settings.processes,
        worth=settings.worth_processes,
    )
    folded: dict[tuple[str, Partition], Any] = {}
    for done in load(loads, codec, workers, note):
        folded.update({(name, done.partition): what for name, what in done.folded.items()})
    for number, one in enumerate(empty):
        one.records = sum(one.shadow.checkpoints().values()) - one.kept
        try:
            one.shadow.finish_loading(partial(told, on_progress, number, empty))
        except Unfit as error:
            get_log().warning(
                "rebuild_without_loading", projection=one.projection.name, error=str(error)
            )
            one.make_anew()
            continue
        one.go_on(folded)
