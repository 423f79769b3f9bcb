"""The projector's place in its group: what it was given, how far it has read, where it goes on."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumers.cluster import Cluster
from consumers.kafka import Batch, consume_batch, consumer_config, sentence
from consumers.logs import get_log
from consumers.offsets import watermarks
from projections.checkpoints import Offsets, Partition


class Reader:
    """Partitions by their plain names, and the offsets that are read next.

    `at_end` are those of them that were read to their end.
    """

    def __init__(self, cluster: Cluster, group: str, *, max_poll_interval_ms: int) -> None:
        """Join nothing yet."""
        self.assigned: set[Partition] = set()
        self.at_end: set[Partition] = set()
        self._next: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._cluster = cluster
        self._consumer = Consumer(
            consumer_config(
                cluster.bootstrap_servers,
                cluster.group(group),
                **{"max.poll.interval.ms": max_poll_interval_ms},
            )
        )

    def join(
        self,
        patterns: list[str],
        *,
        gained: Callable[[Partition, int], int],
        revoked: Callable[[Partition], None],
    ) -> None:
        """Join the group, for topics that match `patterns`.

        `gained` is told a partition and the first offset that Kafka keeps of it, and says where to
        begin. `revoked` returns once nobody works on a partition any more: then it is given back.
        """

        def on_assign(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            starts = []
            for one in partitions:
                place = self._place(one)
                low, _ = watermarks(consumer, one.topic, one.partition)
                self._next[place] = gained(place, low)
                self.assigned.add(place)
                starts.append(TopicPartition(one.topic, one.partition, self._next[place]))
            consumer.incremental_assign(starts)

        def on_revoke(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            for one in partitions:
                place = self._place(one)
                self.assigned.discard(place)
                self.at_end.discard(place)
                self._paused.discard(place)
                self._committed.pop(place, None)
                self._next.pop(place, None)
                revoked(place)
            with suppress(KafkaException):  # lost: there may be nothing left to give back
                consumer.incremental_unassign(partitions)

        self._consumer.subscribe(
            patterns, on_assign=on_assign, on_revoke=on_revoke, on_lost=on_revoke
        )

    def read(self, records_max: int, timeout_s: float) -> Batch:
        """Return what is there; `advance` when it was taken. Errors as of `consume_batch`."""
        return consume_batch(self._consumer, records_max, timeout_s)

    def advance(self, positions: Offsets, ends: Iterable[Partition]) -> dict[Partition, int]:
        """Take note that all before `positions` was read; return where that began."""
        since = dict(self._next)
        self._next.update(positions)
        self.at_end -= positions.keys()
        self.at_end.update(ends)
        return since

    def go_to(self, place: Partition, offset: int) -> None:
        """Read on from `offset`.

        Raises:
            KafkaException: It is not fetched yet.
        """
        self.at_end.discard(place)
        self._next[place] = offset
        self._consumer.seek(TopicPartition(self._cluster.topic(place[0]), place[1], offset))

    def fetch_all_but(self, idle: set[Partition]) -> None:
        """Fetch nothing of what is `idle`; polling goes on, and so does membership."""
        if idle - self._paused:
            self._consumer.pause(self._named(dict.fromkeys(idle - self._paused, 0)))
        if self._paused - idle:
            self._consumer.resume(self._named(dict.fromkeys(self._paused - idle, 0)))
        self._paused = idle

    def report(self, offsets: Mapping[Partition, int], *, wait: bool = False) -> None:
        """Tell Kafka how far the tables are, for tools that show lag."""
        changed = {
            place: offset
            for place, offset in offsets.items()
            if offset != self._committed.get(place)
        }
        if not changed:
            return
        try:
            if wait:
                self._consumer.commit(offsets=self._named(changed), asynchronous=False)
            else:
                self._consumer.commit(offsets=self._named(changed), asynchronous=True)
        except KafkaException as error:
            get_log().info("projection_lag_not_reported", error=sentence(error))
        self._committed.update(changed)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _named(self, offsets: Mapping[Partition, int]) -> list[TopicPartition]:
        return [
            TopicPartition(self._cluster.topic(topic), partition, offset)
            for (topic, partition), offset in offsets.items()
        ]

    def _place(self, one: TopicPartition) -> Partition:
        return self._cluster.plain(one.topic), one.partition
