"""What a projection has to say about itself: appended to `projection.failures`, acknowledged."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from events.catalog import ProjectionEvent
from events.codec import Codec
from events.projection import ProjectionFailed
from events.topics import PROJECTION_FAILURES

_SAMPLE: Final = ProjectionFailed(
    event_id=UUID(int=0),
    projection="",
    topic="",
    partition=0,
    offset=0,
    error="",
    occurred_at=datetime(1970, 1, 1, tzinfo=UTC),
    build="",
)


class ProjectionRecorder:
    """Append projection events and return when Kafka has acknowledged them.

    Recording needs Kafka alone: `prepare` asks the registry beforehand, PostgreSQL is not asked.
    """

    def __init__(self, cluster: Cluster, codec: Codec, *, timeout_ms: int = 10_000) -> None:
        """Remember where to write; the producer starts with the first event."""
        self._cluster = cluster
        self._codec = codec
        self._timeout_ms = timeout_ms
        self._producer: Producer | None = None

    def prepare(self) -> None:
        """Learn from the registry, once, what recording will need.

        Raises:
            ServiceUnreachable: The registry does not answer.
        """
        self._codec.encode(_SAMPLE)

    def __call__(self, event: ProjectionEvent, /) -> None:
        """Append `event`.

        Raises:
            ServiceUnreachable: Kafka has not acknowledged it in time; it may be there all the same.
        """
        outcome: list[KafkaError | None] = []

        def acknowledged(error: KafkaError | None, _: Message) -> None:
            outcome.append(error)

        try:
            producer = self._open()
            producer.produce(
                self._cluster.topic(PROJECTION_FAILURES.name),
                self._codec.encode(event),
                key=event.projection.encode(),
                on_delivery=acknowledged,
            )
            producer.flush(self._timeout_ms / 1000)
        except KafkaException as error:
            self._producer = None
            raise ServiceUnreachable(f"Kafka takes no {type(event).__name__}: {error}") from error
        if outcome != [None]:
            self._producer = None  # whatever it still holds dies with it; ids make twins harmless
            why = outcome[0].str() if outcome and outcome[0] else "no answer in time"
            raise ServiceUnreachable(f"Kafka did not acknowledge {type(event).__name__}: {why}")

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self._cluster.bootstrap_servers,
                    "acks": "all",
                    "enable.idempotence": True,
                    "linger.ms": 0,
                    "message.timeout.ms": self._timeout_ms,
                    "partitioner": "murmur2_random",
                    "allow.auto.create.topics": False,
                }
            )
        return self._producer
