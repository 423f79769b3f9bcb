"""Tell the tables anew from the first offset on, beside the live ones, and swap."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from consumers.errors import Refused, ServiceUnreachable
from consumers.logs import get_log
from consumers.projector.building import Building, RebuildSettings, loads_of, start_building
from consumers.projector.history import History
from consumers.projector.loading import load
from consumers.projector.recorder import ProjectionRecorder
from events.codec import Codec
from events.envelope import Origin
from events.projection import ProjectionSettled, Settlement
from projections.checkpoints import Offsets, Partition
from projections.failures import FAILURES, settlement_id
from projections.faults import CheckpointLost, DatabaseUnavailable, Unavailable
from projections.projection import Projection, events_read
from projections.record import account_of
from projections.shadow import RebuildUnderWay, Shadow, Unfit
from projections.swap import Parked

_T = TypeVar("_T")

OnProgress = Callable[[int, int], None]
"""Called with the offsets applied and the offsets to apply, by now."""

_ROUNDS_MAX: Final = 5
_NEAR: Final = 2000
_SWAPS_MAX: Final = 3
_LOCK_NOT_AVAILABLE: Final = "55P03"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of one projection.

    Of the offsets that the tables stand behind, `kept` were there already, from a rebuild that was
    interrupted. `rows_changed` counts live rows deleted or written by the swap; for `swap_ms` the
    live projector stood still, before the comparison and in the swap. Readers never waited.
    """

    projection: str
    records: int
    kept: int
    rows_changed: int
    parked: int
    parked_cleared: int
    skipped: int
    swap_ms: float


def rebuild(
    settings: RebuildSettings,
    codec: Codec,
    projections: Sequence[Projection],
    on_progress: OnProgress = lambda _done, _total: None,
) -> list[Rebuilt]:
    """Rebuild each projection's tables and swap them in, one transaction each.

    The new tables end at exactly the checkpoints of the live ones, so a projector that runs
    meanwhile goes on as if nothing had happened. Where the live tables have no checkpoint the new
    ones go to the log's end. No consumer group is joined.

    Raises:
        Refused: The new tables would park what the live ones hold, or another rebuild is under way.
        ConfigurationError: A topic's head is gone.
        ServiceUnreachable: Kafka, the registry or PostgreSQL does not answer. Projections not yet
            swapped are as they were.
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
            _catch_up(history, buildings, on_progress)
            return [_finish(settings, history, recorder, one) for one in buildings]
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
        on_progress(sum(at.values()), total)

    folded: dict[tuple[str, Partition], Any] = {}
    for done in load(loads, codec, settings.registry_url, settings.processes, note):
        folded.update({(name, done.partition): what for name, what in done.folded.items()})
    for one in empty:
        one.records = sum(one.shadow.checkpoints().values()) - one.kept
        try:
            one.shadow.finish_loading()
        except Unfit as error:
            get_log().warning(
                "rebuild_without_loading", projection=one.projection.name, error=str(error)
            )
            one.make_anew()
            continue
        one.go_on(folded)


def _catch_up(history: History, buildings: list[Building], on_progress: OnProgress) -> None:
    """Come near the live tables, which move on meanwhile; all projections read together."""
    for _ in range(_ROUNDS_MAX):
        for one in buildings:
            one.aim(one.shadow.live_checkpoints())
        at: dict[Partition, int] = {}
        target: dict[Partition, int] = {}
        for one in buildings:
            for place, offset in one.target.items():
                at[place] = min(one.engine.checkpoints[place], at.get(place, offset))
                target[place] = max(offset, target.get(place, 0))
        total = sum(target.values())
        if total - sum(at.values()) <= _NEAR:
            return
        for chunk in history.read(at, target):
            for one in buildings:
                one.feed(chunk)
            at.update(chunk.positions)
            on_progress(sum(at.values()), total)


def _finish(
    settings: RebuildSettings, history: History, recorder: ProjectionRecorder, one: Building
) -> Rebuilt:
    one.shadow.analyze()
    try:
        _patiently(one, partial(_compare, history, one))
        rebuilt, over = _patiently(one, partial(_swap, history, recorder, one))
    except Refused:
        one.is_over = True  # the next one may find the cause mended
        raise
    one.is_over = True
    for event in over:
        recorder(_settled(settings, one.projection, event))
    return rebuilt


def _patiently(one: Building, act: Callable[[], _T]) -> _T:
    """Act; where somebody holds a lock for long, let the projector breathe and try again."""
    for _ in range(_SWAPS_MAX - 1):
        try:
            return act()
        except DatabaseUnavailable as error:
            if error.sqlstate != _LOCK_NOT_AVAILABLE:
                raise
            get_log().warning("rebuild_waits_for_a_lock", projection=one.projection.name)
    return act()


def _compare(history: History, one: Building) -> None:
    """Find out what differs before the swap: then it is short, however long the tables are."""
    one.touched = None
    with one.shadow.comparing() as still:
        began = time.perf_counter()
        _come_to(history, one, still.checkpoints)
        one.touched = {}
        one.stopped_s = time.perf_counter() - began


def _come_to(history: History, one: Building, checkpoints: Offsets) -> None:
    one.aim(dict(checkpoints))
    for chunk in history.read(one.engine.checkpoints, one.target):
        one.feed(chunk)


def _swap(
    history: History, recorder: ProjectionRecorder, one: Building
) -> tuple[Rebuilt, list[Parked]]:
    """Swap; return what came of it, and the failures that are over."""
    with one.shadow.swapping() as swap:
        began = time.perf_counter()
        _come_to(history, one, swap.checkpoints)
        one.require_all_there()
        live, parked = swap.parked_live(), swap.parked_in_shadow()
        _require_no_more_parked(one, live, parked)
        known = {event.failure_id for event in live}
        for event in parked:
            if event.failure_id is not None and event.failure_id not in known:
                recorder(one.failures[event.failure_id])
        changed = swap.contents(one.touched or {})
    took = time.perf_counter() - began
    still = {_place(event) for event in parked}
    over = [event for event in live if event.failure_id is not None and _place(event) not in still]
    rebuilt = Rebuilt(
        projection=one.projection.name,
        records=one.records,
        kept=one.kept,
        rows_changed=changed,
        parked=len(parked),
        parked_cleared=len({_place(event) for event in live} - still),
        skipped=len(one.skipped),
        swap_ms=round((one.stopped_s + took) * 1000, 1),
    )
    return rebuilt, over


def _require_no_more_parked(one: Building, live: list[Parked], parked: list[Parked]) -> None:
    known = {_place(event) for event in live}
    more = [event for event in parked if _place(event) not in known]
    if not more:
        return
    first = next((event for event in more if event.failure_id is not None), more[0])
    failure = one.failures.get(first.failure_id)
    raise Refused(
        f"the rebuilt tables of {one.projection.name!r} would park {len(more)} events that the "
        f"live ones hold, first {first.topic} offset {first.log_offset}"
        f"{f' ({failure.error})' if failure else ''}: the live tables are as they were; mend the "
        "cause, or skip the event, then rebuild again"
    )


def _place(event: Parked) -> tuple[str, int, int]:
    return (event.topic, event.partition, event.log_offset)


def _settled(settings: RebuildSettings, projection: Projection, event: Parked) -> ProjectionSettled:
    origin = Origin(topic=event.topic, partition=event.partition, offset=event.log_offset)
    return ProjectionSettled(
        event_id=settlement_id(projection.name, origin),
        projection=projection.name,
        account_name=account_of(event.topic),
        topic=event.topic,
        partition=event.partition,
        offset=event.log_offset,
        settlement=Settlement.RETRIED,
        reason="applied by a rebuild",
        by=settings.by,
        occurred_at=settings.now(),
    )
