"""Recommendations at the door: lines of JSON, checked without mercy, then sent as one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumers.door import UnclearError, read_recommendation
from consumers.errors import BadInputError, ConfigurationError, ServiceUnreachable
from consumers.settings import Settings
from events.codec import Codec
from events.recommendation import RecommendationIssued
from events.sanity import nonsense
from events.topics import RECOMMENDATIONS

_NAMED_LINES_MAX: Final = 3
_METADATA_TIMEOUT_S: Final = 6.0
_DELIVERY_TIMEOUT_MS: Final = 30_000
_PROGRESS_EVERY: Final = 500


def parse_lines(lines: Iterable[str]) -> list[RecommendationIssued]:
    """Return the recommendation on each line of JSON; blank lines and repetitions are left out.

    Raises:
        BadInputError: Some line is no recommendation, or two give one id different contents; the
            sentence numbers the lines. All lines are read before it is raised.
    """
    found: dict[int, tuple[int, RecommendationIssued]] = {}
    faults: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            recommendation = _parse(line)
        except UnclearError as error:
            faults.append(f"line {number}: {error}")
            continue
        before, first = found.setdefault(recommendation.recommendation_id, (number, recommendation))
        if first != recommendation:
            faults.append(
                f"line {number}: recommendation_id {recommendation.recommendation_id} stands on "
                f"line {before} with other contents"
            )
    if faults:
        more = len(faults) - _NAMED_LINES_MAX
        named = "; ".join(faults[:_NAMED_LINES_MAX]) + (f"; and {more} more" if more > 0 else "")
        raise BadInputError(f"{named}: correct that, nothing was sent")
    return [recommendation for _, recommendation in found.values()]


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What Kafka acknowledged: how many, and the first and last offset (None when it was none)."""

    first_offset: int | None
    last_offset: int | None
    count: int


def publish(
    recommendations: Iterable[RecommendationIssued],
    settings: Settings,
    codec: Codec,
    on_progress: Callable[[int], None] = lambda _delivered: None,
) -> PublishResult:
    """Append `recommendations` to their topic, in order, and wait until all are acknowledged.

    Args:
        recommendations: What to send; all are encoded before the first is sent.
        settings: Where Kafka is.
        codec: One whose schemas have been checked.
        on_progress: Called with how many are acknowledged so far.

    Raises:
        BadInputError: A value does not fit the wire; nothing was sent.
        ConfigurationError: The topic does not exist.
        ServiceUnreachable: Kafka did not acknowledge all; sending all again does no harm, as every
            account decides an id once.
    """
    records = [(one.ticker.encode(), _encoded(one, codec)) for one in recommendations]
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "message.timeout.ms": _DELIVERY_TIMEOUT_MS,
            "log_level": 0,
        }
    )
    topic = settings.kafka.cluster.topic(RECOMMENDATIONS.name)
    _require_topic(producer, topic)
    receipts = _Receipts(on_progress)
    for key, value in records:
        while True:
            try:
                producer.produce(topic, key=key, value=value, on_delivery=receipts.take)
                break
            except BufferError:  # librdkafka's queue is full: let it send
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(_DELIVERY_TIMEOUT_MS / 1000 + 1)
    on_progress(len(receipts.offsets))
    if len(receipts.offsets) != len(records):
        raise ServiceUnreachable(
            f"Kafka acknowledged {len(receipts.offsets)} of {len(records)} recommendations "
            f"({receipts.error or 'no answer in time'}): send all again, accounts decide each id "
            "once"
        )
    return PublishResult(
        first_offset=min(receipts.offsets, default=None),
        last_offset=max(receipts.offsets, default=None),
        count=len(receipts.offsets),
    )


@dataclass(slots=True)
class _Receipts:
    on_progress: Callable[[int], None]
    offsets: list[int] = field(default_factory=list)
    error: str = ""

    def take(self, error: KafkaError | None, message: Message) -> None:
        offset = message.offset()
        if error is not None or offset is None:
            self.error = self.error or ("no offset" if error is None else error.str())
            return
        self.offsets.append(offset)
        if len(self.offsets) % _PROGRESS_EVERY == 0:
            self.on_progress(len(self.offsets))


def _parse(line: str) -> RecommendationIssued:
    recommendation = read_recommendation(line)
    fault = nonsense(recommendation)
    if fault is not None:
        raise UnclearError(fault)
    return recommendation


def _encoded(recommendation: RecommendationIssued, codec: Codec) -> bytes:
    try:
        return codec.encode(recommendation)
    except ValueError as error:
        raise BadInputError(
            f"recommendation {recommendation.recommendation_id} does not fit its schema: {error}; "
            "nothing was sent"
        ) from error


def _require_topic(producer: Producer, topic: str) -> None:
    try:
        topics = producer.list_topics(timeout=_METADATA_TIMEOUT_S).topics
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        raise ServiceUnreachable(
            f"Kafka gives no answer: {reason.str()}; is it up, and kafka.bootstrap_servers right?"
        ) from error
    if topic not in topics:
        raise ConfigurationError(f"topic {topic} does not exist: run `dispatcher topics apply`")
