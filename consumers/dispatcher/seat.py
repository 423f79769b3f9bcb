"""The seat: the one producer that may write an account's log, and its transactions.

Every call ends in one of four ways: committed, aborted (nothing happened: do it again), doubtful
(perhaps committed: read the log with a new producer) or fenced (somebody else has the seat).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, Fenced, SeatLost, ServiceUnreachable
from consumers.kafka import CONNECTED_AT_ONCE, is_fenced, sentence
from consumers.kafka_log import kafka_client_log
from events.identifiers import AccountName
from events.topics import RECORD_BYTES_MAX

_RETRY_PAUSE_S: Final = 0.005


class TransactionAborted(Exception):  # noqa: N818 -- says what happened to it
    """Nothing of the transaction happened; the same may be tried again."""


class TransactionDoubtful(SeatLost):
    """Nobody knows whether the transaction happened: fold the log again with a new producer."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record to append: where (the plain name), under which key, with what headers."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Seat:
    """The exclusive right to append to one account's log, for as long as nobody else takes it."""

    def __init__(self, cluster: Cluster, account: AccountName, transaction_timeout_ms: int) -> None:
        """Take the seat: whoever had it before can write no more from here on.

        Raises:
            ServiceUnreachable: Kafka did not answer in time.
            Fenced: Somebody took it at the same moment.
        """
        self._timeout_s = transaction_timeout_ms / 1000
        self._cluster = cluster
        self._producer = Producer(
            {
                "bootstrap.servers": cluster.bootstrap_servers,
                "transactional.id": cluster.dispatchers_of(account),
                "transaction.timeout.ms": transaction_timeout_ms,
                "message.timeout.ms": transaction_timeout_ms,
                "partitioner": "murmur2_random",
                "linger.ms": 0,
                "message.max.bytes": RECORD_BYTES_MAX,
                # As librdkafka comes, each transaction with offsets waits 100 ms for the markers of
                # the one before; asking again after 1 ms makes that 4 ms.
                "retry.backoff.ms": 1,
                "retry.backoff.max.ms": 50,
                **CONNECTED_AT_ONCE,  # `init_transactions` takes 5 ms instead of 506
                "allow.auto.create.topics": False,
                "logger": kafka_client_log(),
            }
        )
        try:
            self._until_done(self._producer.init_transactions)
        except (TransactionDoubtful, TransactionAborted) as error:
            raise ServiceUnreachable(f"the seat cannot be taken: {error}") from error

    def append(
        self,
        records: Sequence[Record],
        *,
        offsets: TopicPartition | None = None,
        consumer: Consumer | None = None,
    ) -> dict[str, int]:
        """Append `records` and, with them or not at all, commit `offsets` for `consumer`'s group.

        Returns:
            The offset after the last record written, by Kafka's name of the topic.

        Raises:
            TransactionAborted: Nothing happened; do it again.
            TransactionDoubtful: Perhaps it happened; this seat is worth nothing any more.
            Fenced: Somebody else has the seat.
            ConfigurationError: Kafka will never take one of the records.
        """
        ends: dict[str, int] = {}
        faults: list[KafkaError] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                faults.append(error)
                return
            topic, offset = message.topic(), message.offset()
            if topic is not None and offset is not None:
                ends[topic] = max(ends.get(topic, 0), offset + 1)

        try:
            self._producer.begin_transaction()
            for record in records:
                self._produce(record, delivered)
            if offsets is not None and consumer is not None:
                metadata = consumer.consumer_group_metadata()
                self._until_done(
                    lambda timeout: self._producer.send_offsets_to_transaction(
                        [offsets], metadata, timeout
                    )
                )
            self._until_done(self._producer.commit_transaction)
        except KafkaException as error:
            self._settle(error)
        if faults:
            # A commit that succeeds has delivered everything: librdkafka contradicts itself.
            raise TransactionDoubtful(f"committed, but not delivered: {sentence(faults[0])}")
        return ends

    def _produce(self, record: Record, delivered: Callable[..., None]) -> None:
        while True:
            try:
                self._producer.produce(
                    self._cluster.topic(record.topic),
                    record.value,
                    record.key,
                    headers=list(record.headers),
                    on_delivery=delivered,
                )
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as error:
                # Refused before anything was sent: nothing is in doubt, and asking again is no use.
                if error.args[0].fatal():
                    raise
                self._abort()
                raise ConfigurationError(
                    f"a record of {len(record.value)} bytes cannot be written to {record.topic}: "
                    f"{sentence(error)}; is the topic's max.message.bytes as "
                    "`dispatcher topics apply` makes it?"
                ) from error
            else:
                return

    def _until_done(self, call: Callable[[float], Any]) -> None:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                call(max(0.1, deadline - time.monotonic()))
            except KafkaException as error:
                inner = error.args[0]
                if not inner.retriable() or time.monotonic() >= deadline:
                    self._settle(error)
                time.sleep(_RETRY_PAUSE_S)
            else:
                return

    def _settle(self, error: KafkaException) -> None:
        inner = error.args[0]
        if is_fenced(inner):
            raise Fenced(
                f"another process has taken the seat: {sentence(inner)}; this one stops"
            ) from error
        if inner.txn_requires_abort():
            self._abort()
            raise TransactionAborted(sentence(inner)) from error
        raise TransactionDoubtful(f"Kafka left a transaction open: {sentence(inner)}") from error

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(self._timeout_s)
        except KafkaException as error:
            inner = error.args[0]
            if is_fenced(inner):
                raise Fenced(f"another process has taken the seat: {sentence(inner)}") from error
            raise TransactionDoubtful(f"it could not be aborted: {sentence(inner)}") from error
