"""How far the tables are behind the logs, and waiting until they hold what was written."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, TopicPartition

from consumers.cluster import Cluster
from consumers.errors import DifferenceFound, ServiceUnreachable
from consumers.kafka import consume_batch, offset_of, watermarks
from consumers.projector.reading import committed_ends
from consumers.scan import reader
from consumers.tables import checkpoints, parked_before
from projections.checkpoints import Partition
from projections.projection import Projection

COUNTED_MAX: Final = 20_000
"""Above so many offsets records are not counted: their number is then at most that of offsets."""

WAIT_S: Final = 30.0
_SILENCE_S_MAX: Final = 6.0
_POLL_S: Final = 0.02
_POLL_S_MAX: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Committed records that wait: how many (`exact`, or at most), and when the oldest was written.

    `oldest_s` is UNIX time in seconds by its writer's clock; None where no record waits.
    """

    records: int = 0
    exact: bool = True
    oldest_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One projection in one partition; `next_offset` is None where it has not begun it."""

    projection: str
    topic: str
    partition: int
    next_offset: int | None
    end_offset: int
    behind: int
    behind_is_exact: bool
    lag_seconds: float
    parked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A projection whose rows hold every event of `topic` before `offset`, and how far it is."""

    projection: str
    topic: str
    partition: int
    offset: int
    next_offset: int


def standings(
    cluster: Cluster, dsn: str, projections: Sequence[Projection], now_s: float
) -> list[Standing]:
    """Return how far each projection is in each of its topics.

    Records are counted as committed: marks of transactions and what was aborted are none, though
    they take offsets. The lag is the age of the oldest record that is not in the tables, at `now_s`
    (UNIX seconds).

    Raises:
        ServiceUnreachable: Kafka or PostgreSQL does not answer.
        ConfigurationError: The database is not migrated.
    """
    ends = committed_ends(cluster, projections)
    found = {(row["projection"], (row["topic"], row["partition"])): row for row in checkpoints(dsn)}
    places = [
        (projection.name, place)
        for projection in projections
        for place in sorted(ends)
        if projection.reads(place[0])
    ]
    starts = {
        (place, found.get((name, place), {}).get("next_offset") or 0) for name, place in places
    }
    waiting = backlogs(cluster, starts, ends)
    told = []
    for name, place in places:
        row = found.get((name, place), {})
        backlog = waiting[place, row.get("next_offset") or 0]
        oldest_s = now_s if backlog.oldest_s is None else backlog.oldest_s
        told.append(
            Standing(
                projection=name,
                topic=place[0],
                partition=place[1],
                next_offset=row.get("next_offset"),
                end_offset=ends[place],
                behind=backlog.records,
                behind_is_exact=backlog.exact,
                lag_seconds=round(max(0.0, now_s - oldest_s), 3),
                parked=row.get("parked", 0),
            )
        )
    return told


def backlogs(
    cluster: Cluster, starts: Iterable[tuple[Partition, int]], ends: Mapping[Partition, int]
) -> dict[tuple[Partition, int], Backlog]:
    """Return what waits from each start to its partition's end.

    Raises:
        ServiceUnreachable: Kafka does not answer.
    """
    wanted = sorted(starts)
    found = {(place, start): Backlog() for place, start in wanted}
    behind = [(place, start) for place, start in wanted if start < ends[place]]
    if behind:
        with reader(cluster) as consumer:
            for place, start in behind:
                found[place, start] = _backlog(cluster, consumer, place, start, ends[place])
    return found


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


_Wanted = tuple[str, Partition, int]


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


def _backlog(
    cluster: Cluster, consumer: Consumer, place: Partition, start: int, end: int
) -> Backlog:
    topic = cluster.topic(place[0])
    at = max(start, watermarks(consumer, topic, place[1])[0])
    exact = end - at <= COUNTED_MAX
    records, oldest_s = 0, None
    consumer.assign([TopicPartition(topic, place[1], at)])
    moved = time.monotonic()
    while at < end and time.monotonic() - moved < _SILENCE_S_MAX:
        batch = consume_batch(consumer, 1000, 0.1)
        before = at
        for message in batch.messages:
            at = offset_of(message) + 1
            if at > end:
                break
            records += 1
            if oldest_s is None:
                kind, written_ms = message.timestamp()
                oldest_s = time.time() if kind == TIMESTAMP_NOT_AVAILABLE else written_ms / 1000
        at = max([at, *batch.ends.values()])
        if not exact and oldest_s is not None:
            return Backlog(records=end - start, exact=False, oldest_s=oldest_s)
        if at > before:
            moved = time.monotonic()
    if at < end:
        raise ServiceUnreachable(
            f"{topic} cannot be read past offset {at} of {end}: Kafka does not answer; try again"
        )
    return Backlog(records=records, oldest_s=oldest_s)
