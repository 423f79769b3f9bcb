"""Ends of topics as each kind of reader sees them, and how old the first record behind them is."""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaException,
    TopicPartition,
)

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.kafka import (
    admin_client,
    consume_batch,
    consumer_config,
    offset_of,
    partition_of,
    unreachable,
)
from consumers.offsets import ends_of

TIMEOUT_S: Final = 6.0


class Offsets:
    """Questions about offsets of one Kafka; topics have their plain names, partition 0 is meant."""

    def __init__(self, cluster: Cluster) -> None:
        """Connect when the first question is asked."""
        self._cluster = cluster
        self._admin = admin_client(cluster.bootstrap_servers)

    def existing(self) -> set[str]:
        """Return the plain names of the topics in our corner; errors as `ends`."""
        try:
            names = self._admin.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException as error:
            raise unreachable(error) from error
        prefix = self._cluster.prefix
        ours = (name for name in names if name.startswith(prefix) and name[:2] != "__")
        return {self._cluster.plain(name) for name in ours}

    def ends(self, topics: Iterable[str], *, committed: bool) -> dict[str, int]:
        """Return where each topic ends for readers of committed records, or of all of them.

        Raises:
            ServiceUnreachable: Kafka did not answer.
        """
        places = [TopicPartition(self._cluster.topic(topic), 0) for topic in topics]
        try:
            found = ends_of(self._admin, places, committed=committed, timeout_s=TIMEOUT_S)
            return {self._cluster.plain(topic): offset for (topic, _), offset in found.items()}
        except KafkaException as error:
            raise unreachable(error) from error

    def first_record_times(
        self, places: Mapping[str, int], ends: Mapping[str, int]
    ) -> dict[str, float | None]:
        """Return when the first record at or after each topic's offset was written (UNIX seconds).

        Committed or not; None where there is none before the end: only the marks of transactions.

        Raises:
            ServiceUnreachable: A topic could not be read: nobody knows what stands there.
        """
        waiting = {topic: at for topic, at in places.items() if at < ends[topic]}
        found: dict[str, float | None] = {topic: None for topic in places if topic not in waiting}
        if not waiting:
            return found
        config = consumer_config(
            self._cluster.bootstrap_servers, self._cluster.group("dispatcher-doctor")
        )
        consumer = Consumer({**config, "isolation.level": "read_uncommitted", "log_level": 0})
        try:
            consumer.assign(
                [TopicPartition(self._cluster.topic(name), 0, at) for name, at in waiting.items()]
            )
            self._read(consumer, waiting, found)
        finally:
            consumer.close()
        unread = sorted(waiting.keys() - found.keys())
        if unread:
            raise ServiceUnreachable(
                f"{self._cluster.topic(unread[0])} cannot be read at offset {waiting[unread[0]]}: "
                f"nothing came within {TIMEOUT_S:.0f} s, so nobody knows what stands there"
            )
        return found

    def _read(
        self, consumer: Consumer, waiting: Mapping[str, int], found: dict[str, float | None]
    ) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while waiting.keys() - found.keys() and time.monotonic() < deadline:
            batch = consume_batch(consumer, 100, 0.1)
            for message in batch.messages:
                topic = self._cluster.plain(partition_of(message)[0])
                if topic not in found and offset_of(message) >= waiting[topic]:
                    kind, written_ms = message.timestamp()
                    known = kind != TIMESTAMP_NOT_AVAILABLE
                    found[topic] = written_ms / 1000 if known else time.time()
            for name, _ in batch.ends:
                found.setdefault(self._cluster.plain(name), None)
