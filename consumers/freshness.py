"""How far the tables are behind the logs, in committed records and in seconds."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, TopicPartition

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.kafka import consume_batch, offset_of
from consumers.offsets import watermarks
from consumers.projector.reading import committed_ends
from consumers.scan import reader
from consumers.tables import checkpoints
from projections.checkpoints import Partition
from projections.projection import Projection

COUNTED_MAX: Final = 20_000
"""Above so many offsets records are not counted: their number is then at most that of offsets."""

_SILENCE_S_MAX: Final = 6.0


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
