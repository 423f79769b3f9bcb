"""Waiting until the tables hold what was written, so that a query sees it."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from consumers.cluster import Cluster
from consumers.errors import DifferenceFound, ServiceUnreachable
from consumers.freshness import backlogs
from consumers.offsets import watermarks
from consumers.scan import reader
from consumers.tables import checkpoints, parked_before
from projections.checkpoints import Partition
from projections.projection import Projection

WAIT_S: Final = 30.0
_POLL_S: Final = 0.02
_POLL_S_MAX: Final = 0.25

_Wanted: TypeAlias = tuple[str, Partition, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A projection whose rows hold every event of `topic` before `offset`, and how far it is."""

    projection: str
    topic: str
    partition: int
    offset: int
    next_offset: int


def await_tables(
    cluster: Cluster,
    dsn: str,
    projections: Sequence[Projection],
    targets: Mapping[Partition, int],
    timeout_s: float = WAIT_S,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
) -> list[Awaited]:
    """Wait until the tables of each projection hold all that stands before `targets`.

    Kafka need not answer, where the checkpoints get there. `on_progress` hears of offsets.

    Raises:
        ServiceUnreachable: They do not within `timeout_s` seconds, or PostgreSQL does not answer.
        DifferenceFound: They do, but for events that are parked.
        ConfigurationError: The database is not migrated.
    """
    wanted = [
        (projection.name, place, targets[place])
        for projection in projections
        for place in sorted(targets)
        if projection.reads(place[0])
    ]
    done = sum(offset for _, _, offset in wanted)
    deadline, pause_s, asked = time.monotonic() + timeout_s, _POLL_S, False
    while True:
        at = {
            (row["projection"], (row["topic"], row["partition"])): int(row["next_offset"])
            for row in checkpoints(dsn)
        }
        missing = [one for one in wanted if at.get(one[:2], 0) < one[2]]
        on_progress(
            sum(min(offset, at.get((name, place), 0)) for name, place, offset in wanted), done
        )
        if missing and not asked:
            # A checkpoint may stand before the marks of transactions, with no record behind it.
            asked, missing = True, _with_records(cluster, missing, at)
        if not missing:
            break
        if time.monotonic() >= deadline:
            name, place, offset = missing[0]
            stands = at.get((name, place))
            how_far = "it has not begun" if stands is None else f"its checkpoint is {stands}"
            more = f" ({len(missing) - 1} more likewise)" if len(missing) > 1 else ""
            raise ServiceUnreachable(
                f"after {timeout_s:g} s the tables of {name} do not hold {place[0]} before offset "
                f"{offset}: {how_far}{more}{_not_written(cluster, place, offset)}. Is a projector "
                "running? See `dispatcher projections status`"
            )
        time.sleep(min(pause_s, max(0.0, deadline - time.monotonic())))
        pause_s = min(2 * pause_s, _POLL_S_MAX)
    _require_none_parked(dsn, wanted)
    return [
        Awaited(
            projection=name,
            topic=place[0],
            partition=place[1],
            offset=offset,
            next_offset=at.get((name, place), 0),
        )
        for name, place, offset in wanted
    ]


def _with_records(
    cluster: Cluster, missing: list[_Wanted], at: Mapping[tuple[str, Partition], int]
) -> list[_Wanted]:
    """Return those behind which a committed record waits, or may be yet to come."""
    starts = {(place, at.get((name, place), 0)) for name, place, _ in missing}
    try:
        ends = _ends(cluster, {place for _, place, _ in missing})
        waiting = backlogs(
            cluster, [(place, start) for place, start in starts if place in ends], ends
        )
    except ServiceUnreachable:
        return missing
    return [
        (name, place, offset)
        for name, place, offset in missing
        if offset > ends.get(place, 0) or waiting[place, at.get((name, place), 0)].records
    ]


def _not_written(cluster: Cluster, place: Partition, offset: int) -> str:
    try:
        end = _ends(cluster, [place])[place]
    except ServiceUnreachable:
        return "; how far the topic goes is not known, as Kafka does not answer"
    return f"; the topic itself ends at {end}" if offset > end else ""


def _ends(cluster: Cluster, places: Iterable[Partition]) -> dict[Partition, int]:
    with reader(cluster) as consumer:
        return {
            (topic, partition): watermarks(consumer, cluster.topic(topic), partition)[1]
            for topic, partition in places
        }


def _require_none_parked(dsn: str, wanted: list[_Wanted]) -> None:
    for name, (topic, partition), offset in wanted:
        parked = parked_before(dsn, name, topic, partition, offset)
        if parked:
            raise DifferenceFound(
                f"{topic} before offset {offset} is in the tables of {name}, but for what is "
                f"parked there ({parked} of it): see `dispatcher projections parked list`"
            )
