"""Read a topic once, from its head to the end it has now, without joining any group."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.kafka import consume_batch, consumer_config, offset_of, unreachable
from consumers.offsets import offsets_since, watermarks

_BATCH: Final = 1000
_METADATA_TIMEOUT_S: Final = 6.0
_SILENCE_S_MAX: Final = 20.0


def scan(
    cluster: Cluster,
    name: str,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
    *,
    start: int = 0,
) -> Iterator[Message]:
    """Yield the committed records of topic `name` up to the end it has when this begins.

    Args:
        cluster: Where the topic is.
        name: The topic's plain name.
        on_progress: Called with the next offset and the end, in offsets.
        start: The first offset that is asked for; what is gone before it is no matter.

    Raises:
        ConfigurationError: The topic does not exist.
        ServiceUnreachable: Kafka does not answer, or nothing moves for 20 s.
    """
    with reader(cluster) as consumer:
        topic = _existing(consumer, cluster, name)
        low, end = watermarks(consumer, topic)
        at = max(low, start)
        if at >= end:  # librdkafka may never close a consumer that was sent beyond the end
            return
        consumer.assign([TopicPartition(topic, 0, at)])
        moved = time.monotonic()
        while at < end:
            batch = consume_batch(consumer, _BATCH, 0.2)
            before = at
            for message in batch.messages:
                offset = offset_of(message)
                if offset >= end:
                    return
                at = offset + 1
                yield message
            at = max([at, *batch.ends.values()])  # control records show themselves in ends only
            on_progress(min(at, end), end)
            if at > before:
                moved = time.monotonic()
            elif time.monotonic() - moved > _SILENCE_S_MAX:
                raise ServiceUnreachable(
                    f"{topic} cannot be read past offset {at} of {end}: a transaction hangs open "
                    "there, or Kafka does not answer; try again"
                )


def first_offset_at(cluster: Cluster, name: str, moment_ms: int) -> int:
    """Return the first offset of topic `name` whose record was written at `moment_ms` or later.

    Unix milliseconds, by the writers' clocks; the topic's end where there is no such record.

    Raises:
        ConfigurationError: The topic does not exist.
        ServiceUnreachable: Kafka does not answer.
    """
    with reader(cluster) as consumer:
        topic = _existing(consumer, cluster, name)
        found = offsets_since(consumer, {(topic, 0): moment_ms})[(topic, 0)]
        return watermarks(consumer, topic)[1] if found is None else found


def ends(cluster: Cluster, names: list[str]) -> dict[str, int | None]:
    """Return the end of each topic by its plain name, None where the topic does not exist.

    Raises:
        ServiceUnreachable: Kafka does not answer.
    """
    with reader(cluster) as consumer:
        known = _topics(consumer)
        return {
            name: watermarks(consumer, cluster.topic(name))[1]
            if cluster.topic(name) in known
            else None
            for name in names
        }


@contextmanager
def reader(cluster: Cluster) -> Iterator[Consumer]:
    """Hold a consumer that reads committed records, to be assigned; it joins no group."""
    config = consumer_config(cluster.bootstrap_servers, cluster.group("dispatcher-reader"))
    consumer = Consumer({**config, "log_level": 0})
    try:
        yield consumer
    finally:
        consumer.close()


def _topics(consumer: Consumer) -> set[str]:
    try:
        return set(consumer.list_topics(timeout=_METADATA_TIMEOUT_S).topics)
    except KafkaException as error:
        raise unreachable(error) from error


def _existing(consumer: Consumer, cluster: Cluster, name: str) -> str:
    topic = cluster.topic(name)
    if topic not in _topics(consumer):
        raise ConfigurationError(f"topic {topic} does not exist: run `dispatcher topics apply`")
    return topic
