"""The one Kafka loop's tools: how consumers here are configured and polled."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from consumers.errors import ConfigurationError, Fenced, SeatLost, ServiceUnreachable
from consumers.kafka_log import kafka_client_log, say_unavailable
from consumers.logs import get_log

METADATA_TIMEOUT_S: Final = 10.0
CONNECTED_AT_ONCE: Final = {"enable.sparse.connections": False}
"""For a client whose first question must not wait: librdkafka connects when first asked, finds
itself without a connection, and asks again half a second or three seconds later."""

_LOG_GONE: Final = frozenset(
    {
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 -- public codes that start with an underscore
    }
)
_EXPELLED: Final = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001 -- as above
    }
)
_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 -- as above
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)


def consumer_config(bootstrap_servers: str, group: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- librdkafka's settings are text, numbers or callables
    """Return the settings that every consumer shares: committed records only, offsets by hand."""
    return {
        "bootstrap.servers": bootstrap_servers,
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 300,
        "max.poll.interval.ms": 10_000,
        "topic.metadata.refresh.interval.ms": 3000,
        "fetch.wait.max.ms": 100,
        # Enough to stay ahead of a fold, a tenth of what librdkafka would hold in memory.
        "queued.max.messages.kbytes": 8192,
        # The buffer above fills while a batch is applied: look again soon, not after a second.
        "fetch.queue.backoff.ms": 10,
        "fetch.error.backoff.ms": 50,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        "allow.auto.create.topics": False,
        "enable.partition.eof": True,
        "error_cb": say_unavailable,
        "logger": kafka_client_log(),
        **more,
    }


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in their order, and the partitions whose end was reached, by its offset.

    The end's offset lies behind the control records of transactions, which the last record's
    offset never tells.
    """

    messages: list[Message] = field(default_factory=list)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)


def consume_batch(consumer: Consumer, records_max: int, timeout_s: float) -> Batch:
    """Return what is there: wait up to `timeout_s` for the first record, for the rest not at all.

    Raises:
        SeatLost: This member was expelled from its group.
        ConfigurationError: The offset asked for is gone from the topic.
    """
    batch = Batch()
    first = consumer.poll(timeout_s)
    if first is None:
        return batch
    rest = consumer.consume(records_max - 1, 0) if records_max > 1 else []
    for message in (first, *rest):
        error = message.error()
        if error is None:
            batch.messages.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- as above
            batch.ends[partition_of(message)] = offset_of(message)
        else:
            _settle(error, message.topic())
    return batch


def partition_of(message: Message) -> tuple[str, int]:
    """Return the topic and partition that a consumed record stands in."""
    topic, partition = message.topic(), message.partition()
    if topic is None or partition is None:
        raise TypeError("a consumed record has a topic and a partition")
    return topic, partition


def offset_of(message: Message) -> int:
    """Return a consumed record's offset."""
    offset = message.offset()
    if offset is None:
        raise TypeError("a consumed record has an offset")
    return offset


def admin_client(bootstrap_servers: str, **more: str | float) -> AdminClient:
    """Return a client for questions about topics, groups and offsets; `more` is librdkafka's.

    It says nothing on stderr of its own accord: whoever asks reports what comes of the question.
    """
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0, **more})


def unreachable(error: KafkaException) -> ServiceUnreachable:
    """Return Kafka's silence as an error with a sentence."""
    return ServiceUnreachable(f"Kafka does not answer: {sentence(error)}; is it running?")


def is_fenced(error: KafkaError) -> bool:
    """Say whether another producer or member has taken this one's place."""
    return error.code() in _FENCED


def sentence(error: KafkaException | KafkaError) -> str:
    """Return librdkafka's own words, without its decoration."""
    inner = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(inner, KafkaError):
        return str(inner)
    said = inner.str()
    return f"{said}{inner.name()}" if said.endswith(": ") else said


def names(partitions: Iterable[TopicPartition]) -> list[str]:
    """Return partitions as log lines name them."""
    return [f"{partition.topic}[{partition.partition}]" for partition in partitions]


def _settle(error: KafkaError, topic: str | None) -> None:
    if error.code() in _LOG_GONE:
        raise ConfigurationError(
            f"the offset to read next is gone from {topic}: {error.str()}; records were deleted "
            "or the topic was made anew: `dispatcher topics check` says more"
        )
    if error.code() in _EXPELLED:
        raise SeatLost(f"expelled from the consumer group: {error.str()}")
    if is_fenced(error) or error.fatal():
        raise Fenced(f"another process has taken this one's place: {error.str()}")
    # Everything else librdkafka mends by itself; it says so on the error callback, too.
    get_log().warning("kafka_poll_error", error=error.str())
