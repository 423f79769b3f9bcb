"""The topics' past: read from any offset to any other, without joining a group."""

import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.kafka import (
    consume_batch,
    consumer_config,
    partition_of,
    unreachable,
)
from consumers.offsets import offsets_since, watermarks
from consumers.projector.reading import record_of
from events.codec import Codec
from events.projection import ProjectionSettled, Settlement
from events.topics import PROJECTION_FAILURES
from projections.checkpoints import Offsets, Partition
from projections.record import Record

_BATCH: Final = 2000
_SILENCE_S_MAX: Final = 20.0
_LEADERS_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records in their order, and where each partition stands behind them."""

    records: list[Record]
    positions: dict[Partition, int]


class History:
    """A reader of committed records, for whoever reads a part of the past once."""

    def __init__(
        self, cluster: Cluster, codec: Codec, wanted: frozenset[type] | None = None
    ) -> None:
        """Connect; nothing is read yet. Of logs only events that are `wanted` are decoded."""
        self._cluster = cluster
        self._codec = codec
        self._wanted = wanted
        group = cluster.group("dispatcher-history")  # never joined, nothing is committed for it
        self._consumer = Consumer(
            {**consumer_config(cluster.bootstrap_servers, group), "log_level": 0}
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the connection go."""
        self._consumer.close()

    def require_heads(self, partitions: Offsets) -> None:
        """Refuse topics whose first records are gone: what they said cannot be told again.

        Raises:
            ConfigurationError: A topic does not begin at offset 0.
            ServiceUnreachable: Kafka does not answer.
        """
        for topic, number in sorted(partitions):
            low, _ = watermarks(self._consumer, self._cluster.topic(topic), number)
            if low > 0:
                raise ConfigurationError(
                    f"{topic} begins at offset {low}: its head is gone, and the tables cannot be "
                    "told again from what is left"
                )

    def since(self, moment: datetime, ends: Offsets) -> dict[Partition, int]:
        """Return the first offset that was appended at `moment` or later, the end if there is none.

        Raises:
            ServiceUnreachable: Kafka does not answer.
        """
        moment_ms = int(moment.timestamp() * 1000)
        real = {(self._cluster.topic(name), number): (name, number) for name, number in ends}
        found = offsets_since(self._consumer, dict.fromkeys(real, moment_ms))
        return {
            real[place]: ends[real[place]] if at is None else min(at, ends[real[place]])
            for place, at in found.items()
        }

    def read(self, start: Offsets, target: Mapping[Partition, int]) -> Generator[Chunk, None, None]:
        """Yield what stands from `start` (0 where it names none) up to exactly `target`.

        The last chunk's positions are `target`'s, whatever holes transactions left before it.

        Raises:
            ServiceUnreachable: Kafka or the registry does not answer, or nothing moves for 20 s.
        """
        at = {place: start.get(place, 0) for place in target}
        open_ = {place for place, offset in at.items() if offset < target[place]}
        try:
            self._find_leaders(open_)
            self._consumer.incremental_assign([self._place(one, at[one]) for one in open_])
            moved = time.monotonic()
            while open_:
                chunk = self._chunk(at, target, open_)
                passed = sum(offset - at[place] for place, offset in chunk.positions.items())
                if passed:
                    moved = time.monotonic()
                    at.update(chunk.positions)
                    yield chunk
                elif time.monotonic() - moved > _SILENCE_S_MAX:
                    raise ServiceUnreachable(_stuck(at, target, open_))
                done = {place for place in open_ if at[place] >= target[place]}
                self._consumer.incremental_unassign([self._place(one) for one in done])
                open_ -= done
        except KafkaException as error:
            raise unreachable(error) from error
        finally:
            self._consumer.unassign()

    def _find_leaders(self, places: set[Partition]) -> None:
        """Let librdkafka know who leads topics that it has not met.

        It would find out by itself, but once it runs it looks for new topics only every second. No
        answer is no fault yet: reading finds out.
        """
        for topic in sorted({topic for topic, _ in places}):
            with suppress(KafkaException):
                self._consumer.list_topics(self._cluster.topic(topic), timeout=_LEADERS_S)

    def skipped(self, target: Offsets) -> frozenset[tuple[str, str, int, int]]:
        """Return (projection, topic, partition, offset) of every event that was skipped."""
        place = (PROJECTION_FAILURES.name, 0)
        if place not in target:
            return frozenset()
        last = {  # one whose skip was told, but never carried out, may have been retried since
            (event.projection, event.topic, event.partition, event.offset): event.settlement
            for chunk in self.read({}, {place: target[place]})
            for record in chunk.records
            if isinstance(event := record.event, ProjectionSettled)
        }
        return frozenset(at for at, how in last.items() if how is Settlement.SKIPPED)

    def _chunk(self, at: Offsets, target: Offsets, open_: set[Partition]) -> Chunk:
        batch = consume_batch(self._consumer, _BATCH, 0.2)
        records: list[Record] = []
        positions: dict[Partition, int] = {}
        for message in batch.messages:
            topic, number = partition_of(message)
            place = (self._cluster.plain(topic), number)
            if place not in open_:
                continue  # fetched before it was given up
            record = record_of(self._cluster, self._codec, message, self._wanted)
            if record.origin.offset < target[place]:
                records.append(record)
            positions[place] = min(record.origin.offset + 1, target[place])
        for (topic, number), end in batch.ends.items():
            place = (self._cluster.plain(topic), number)
            if place in open_:  # markers of transactions show themselves in ends only
                positions[place] = max(positions.get(place, at[place]), min(end, target[place]))
        return Chunk(records, positions)

    def _place(self, place: Partition, offset: int = 0) -> TopicPartition:
        topic, number = place
        return TopicPartition(self._cluster.topic(topic), number, offset)


def _stuck(at: Offsets, target: Offsets, open_: set[Partition]) -> str:
    topic, number = min(open_)
    return (
        f"{topic} cannot be read past offset {at[topic, number]} of {target[topic, number]}: a "
        "transaction hangs open there, Kafka does not answer, or the topic was made anew; try again"
    )
