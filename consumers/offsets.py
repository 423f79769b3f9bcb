"""Questions about offsets and groups, asked again while who must answer them changes."""

import time
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it is public
    AdminClient,
    ConsumerGroupDescription,
    OffsetSpec,
)

from consumers.errors import ServiceUnreachable
from consumers.kafka import CONNECTED_AT_ONCE, METADATA_TIMEOUT_S, admin_client, unreachable

Place: TypeAlias = tuple[str, int]
"""A topic, by its real name, and a partition of it."""

_T = TypeVar("_T")
_PAUSE_S: Final = 0.05
_MADE_S: Final = 1.0
"""How long a topic may be unknown: nodes hear of a new one some milliseconds after it is made."""

_LEADER_CHANGED: Final = frozenset(
    {
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
_UNKNOWN: Final = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 -- public codes that start with an underscore
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 -- as above
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)


def end_offset(consumer: Consumer, topic: str, partition: int = 0) -> int:
    """Return where the next committed record would be read: the last stable offset.

    Raises:
        ServiceUnreachable: Kafka did not answer within 10 s.
    """
    return watermarks(consumer, topic, partition)[1]


def watermarks(consumer: Consumer, topic: str, partition: int = 0) -> tuple[int, int]:
    """Return the first offset kept and the end as `end_offset` means it; errors likewise."""
    place = TopicPartition(topic, partition)

    def asked() -> tuple[int, int]:
        low, high = consumer.get_watermark_offsets(place, timeout=METADATA_TIMEOUT_S)
        return low, high

    try:
        # A question about offsets, unlike a fetch, does not make librdkafka look for the leader
        # again: after Kafka was restarted, or stood still, it would be refused for ever.
        return once_led(
            asked, look_again=lambda: consumer.list_topics(topic, timeout=METADATA_TIMEOUT_S)
        )
    except KafkaException as error:
        raise unreachable(error) from error


def bounds_if_there(consumer: Consumer, topic: str) -> tuple[int, int] | None:
    """Return what `watermarks` does, None where there is no such topic; errors likewise."""
    try:
        return watermarks(consumer, topic)
    except ServiceUnreachable as error:
        cause = error.__cause__
        if isinstance(cause, KafkaException) and cause.args[0].code() in _UNKNOWN:
            return None
        raise


def offsets_since(consumer: Consumer, moments_ms: dict[Place, int]) -> dict[Place, int | None]:
    """Return each partition's first offset that was written at its moment (Unix ms) or later.

    None where nothing was. A partition's own refusal is an error, never an offset.

    Raises:
        ServiceUnreachable: Kafka did not answer within 10 s.
    """
    asked = [TopicPartition(*place, moment) for place, moment in moments_ms.items()]

    def answered() -> list[TopicPartition]:
        found = consumer.offsets_for_times(asked, timeout=METADATA_TIMEOUT_S)
        for one in found:
            if one.error is not None:
                raise KafkaException(one.error)
        return found

    def look() -> None:
        for topic in {topic for topic, _ in moments_ms}:
            consumer.list_topics(topic, timeout=METADATA_TIMEOUT_S)

    try:
        found = once_led(answered, look_again=look)
    except KafkaException as error:
        raise unreachable(error) from error
    return {(one.topic, one.partition): one.offset if one.offset >= 0 else None for one in found}


def once_led(ask: Callable[[], _T], look_again: Callable[[], object]) -> _T:
    """Return the answer to `ask`, asked again for up to 10 s while the leader changes.

    A partition that was just made, or whose leader just changed, is refused by the node that
    leads it until that node has heard so itself; a group likewise, by its coordinator.
    `look_again` reads Kafka's layout anew. What is not known at all is asked for for a second.

    Raises:
        KafkaException: Any other refusal, or this one to the end.
    """
    begun = time.monotonic()
    while True:
        try:
            return ask()
        except KafkaException as error:
            if time.monotonic() - begun > _patience_s(error.args[0].code()):
                raise
        time.sleep(_PAUSE_S)
        look_again()


def _patience_s(code: int) -> float:
    if code in _LEADER_CHANGED:
        return METADATA_TIMEOUT_S
    return _MADE_S if code in _UNKNOWN else -1.0


def described(admin: AdminClient, group: str) -> ConsumerGroupDescription:
    """Return what Kafka says of a group and its members.

    Raises:
        KafkaException: It does not say; `GROUP_ID_NOT_FOUND` where nobody ever joined.
    """

    def asked() -> ConsumerGroupDescription:
        [found] = admin.describe_consumer_groups(
            [group], request_timeout=METADATA_TIMEOUT_S
        ).values()
        description: ConsumerGroupDescription = found.result()
        return description

    return once_led(asked, look_again=lambda: admin.list_topics(timeout=METADATA_TIMEOUT_S))


def high_watermark(bootstrap_servers: str, topic: str, partition: int = 0) -> int:
    """Return where the next record goes, open transactions included.

    A `read_committed` consumer's own answer ends before the first open transaction. Asked by a
    client of its own each time: one that lives long would go on asking a leader of the past.

    Raises:
        ServiceUnreachable: Kafka did not answer within 10 s.
    """
    place = TopicPartition(topic, partition)
    admin = admin_client(bootstrap_servers, **CONNECTED_AT_ONCE)

    try:
        # Asked before it has a connection, a client asks again after 3 s: one in ten did.
        admin.list_topics(topic, timeout=METADATA_TIMEOUT_S)
        [offset] = ends_of(admin, [place], committed=False).values()
    except KafkaException as error:
        raise ServiceUnreachable(f"Kafka does not answer: {error}; is it running?") from error
    return offset


def ends_of(
    admin: AdminClient,
    places: Iterable[TopicPartition],
    *,
    committed: bool,
    timeout_s: float = METADATA_TIMEOUT_S,
) -> dict[Place, int]:
    """Return where partitions end for readers of committed records, or of all of them.

    Raises:
        KafkaException: Kafka does not say.
    """
    asked = {place: OffsetSpec.latest() for place in places}  # type: ignore[no-untyped-call] # the client has no type for it
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED

    def answered() -> dict[Place, int]:
        answers = admin.list_offsets(asked, isolation_level=level, request_timeout=timeout_s)
        return {
            (place.topic, place.partition): answer.result().offset
            for place, answer in answers.items()
        }

    if not asked:
        return {}
    return once_led(answered, look_again=lambda: admin.list_topics(timeout=timeout_s))


def committed_offset(consumer: Consumer, topic: str, partition: int = 0) -> int | None:
    """Return the group's committed offset, None when it has none; errors as `end_offset`."""
    found = committed(consumer, topic, partition)
    return None if found is None else found.offset


def committed(consumer: Consumer, topic: str, partition: int = 0) -> TopicPartition | None:
    """Return the same, with the text that was committed beside it."""
    try:
        [found] = consumer.committed([TopicPartition(topic, partition)], timeout=METADATA_TIMEOUT_S)
    except KafkaException as error:
        raise unreachable(error) from error
    return None if found.offset == OFFSET_INVALID else found
