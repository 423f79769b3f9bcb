"""Bring new tables to where the live ones stand, compare the two, swap: the end of a rebuild."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from consumers.errors import Refused
from consumers.logs import get_log
from consumers.projector.building import Building, RebuildSettings
from consumers.projector.history import History
from consumers.projector.recorder import ProjectionRecorder
from events.envelope import Origin
from events.projection import ProjectionSettled, Settlement
from projections.checkpoints import Offsets, Partition
from projections.failures import settlement_id
from projections.faults import DatabaseUnavailable
from projections.projection import Projection
from projections.record import account_of
from projections.swap import Parked

_T = TypeVar("_T")

OnProgress = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is: of offsets while
events are loaded and caught up with, then of projections."""

_ROUNDS_MAX: Final = 5
_NEAR: Final = 200
"""So few records are applied while the live projector stands still: it hardly notices."""
_SWAPS_MAX: Final = 3
_LOCK_NOT_AVAILABLE: Final = "55P03"
_DEADLOCK: Final = "40P01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of one projection.

    Of the offsets that the tables stand behind, `kept` were there already, from a rebuild that was
    interrupted. `rows_changed` counts live rows deleted or written by the swap, or before it into
    empty tables; for `swap_ms` the live projector stood still, before the comparison and in the
    swap, and `records_meanwhile` were applied in that time. Readers never waited.
    """

    projection: str
    records: int
    kept: int
    rows_changed: int
    parked: int
    parked_cleared: int
    skipped: int
    swap_ms: float
    records_meanwhile: int


def catch_up(
    history: History,
    buildings: Sequence[Building],
    on_progress: OnProgress = lambda _phase, _done, _total: None,
) -> None:
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
            on_progress("catching up", sum(at.values()), total)


def told(on_progress: OnProgress, number: int, buildings: Sequence[Building], what: str) -> None:
    """Tell that the `number`-th projection of `buildings` has come to `what`."""
    on_progress(f"{what} {buildings[number].projection.name}", number, len(buildings))


def fill_empty(buildings: Sequence[Building], at_once: int) -> list[int]:
    """Fill live tables that hold next to nothing before anybody stands still; return the rows.

    They are of each projection, so many projections `at_once`: most of it is one processor's work.

    Raises:
        DatabaseUnavailable: PostgreSQL cannot answer.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="rebuild-fills") as pool:
        filling = [pool.submit(_fill_empty, one) for one in buildings]
        try:
            return [one.result() for one in filling]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for building in buildings:  # else whoever gives up would wait for minutes
                building.shadow.give_up_filling()
            raise


def _fill_empty(one: Building) -> int:
    """Fill one projection's; where its live projector holds on to a row all is left to the swap."""
    one.shadow.analyze()
    try:
        return one.shadow.fill_empty()
    except DatabaseUnavailable as error:
        if error.sqlstate not in (_LOCK_NOT_AVAILABLE, _DEADLOCK):
            raise
        get_log().info("rebuild_fills_in_the_swap", projection=one.projection.name)
        return 0


def finish(
    settings: RebuildSettings,
    history: History,
    recorder: ProjectionRecorder,
    one: Building,
    begins: Callable[[str], None],
) -> Rebuilt:
    """Swap one projection's new tables in, which are near the live ones; tell what `begins`.

    Raises:
        Refused: The new tables would park what the live ones hold.
        Unavailable: PostgreSQL or Kafka cannot answer; the live tables are as they were.
        CheckpointLost: A crash of PostgreSQL has emptied the new tables.
    """
    begins("comparing")
    try:
        _patiently(one, partial(compare, history, one))
        begins("swapping")
        rebuilt, over = _patiently(one, partial(swap, history, recorder, one))
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


def compare(history: History, one: Building) -> None:
    """Find out what differs before the swap: then it is short, however long the tables are.

    What the live tables took up while projections before this one were finished is applied before
    they are stopped. Raises as `finish` does.
    """
    one.touched = None
    catch_up(history, [one])
    with one.shadow.comparing() as still:
        began = time.perf_counter()
        _come_to(history, one, still.checkpoints)
        one.touched = {}
        one.stopped_s = time.perf_counter() - began


def _come_to(history: History, one: Building, checkpoints: Offsets) -> None:
    before = one.records
    one.aim(dict(checkpoints))
    for chunk in history.read(one.engine.checkpoints, one.target):
        one.feed(chunk)
    one.records_meanwhile += one.records - before


def swap(
    history: History, recorder: ProjectionRecorder, one: Building
) -> tuple[Rebuilt, list[Parked]]:
    """Swap; return what came of it, and the failures that are over.

    What the live tables took up while they were compared is applied before they are stopped.
    Raises as `finish` does.
    """
    catch_up(history, [one])
    with one.shadow.swapping() as swapping:
        began = time.perf_counter()
        _come_to(history, one, swapping.checkpoints)
        one.require_all_there()
        live, parked = swapping.parked_live(), swapping.parked_in_shadow()
        _require_no_more_parked(one, live, parked)
        known = {event.failure_id for event in live}
        for event in parked:
            if event.failure_id is not None and event.failure_id not in known:
                recorder(one.failures[event.failure_id])
        changed = swapping.contents(one.touched or {})
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
        records_meanwhile=one.records_meanwhile,
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
        "cause, mostly a constraint that old rows of the live table need not meet (NOT VALID), "
        "then rebuild again"
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
