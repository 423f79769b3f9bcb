"""From an event's append to its row, beside a bare transaction's way to a reader and one commit."""

import signal
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import psycopg
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from bench.ground import Ground, database
from bench.process import running_task
from bench.results import Figure, percentile
from bench.story import history
from consumers.kafka import consume_batch, consumer_config
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of
from projections.catalog import PROJECTIONS
from stack.up import StackAddresses

_RATES: Final = (10, 200, 2_000)
_TRANSACTIONS_A_SECOND: Final = 20
_WARM_UP: Final = 5
_PATIENCE_S: Final = 60.0
_BOUNDED: Final = f"-c statement_timeout={_PATIENCE_S:.0f}s"
_TELL: Final = """
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('visible', new.next_offset::TEXT);
    RETURN NULL;
END
$$;
CREATE TRIGGER tell AFTER UPDATE ON projection_checkpoints
FOR EACH ROW WHEN (new.projection = 'executions') EXECUTE FUNCTION tell();
LISTEN visible;
"""
"""Rows become visible in the moment in which their checkpoint does: PostgreSQL says so then.

Whoever asks it again and again takes the processor from what is measured, be it a program or a
loop of PostgreSQL's own, which sleeps for whole milliseconds.
"""


class _Log:
    """An account's log, appended to as dispatchers do: in transactions."""

    def __init__(self, ground: Ground, account: str) -> None:
        self.name = log_of(AccountName(account)).name
        self.topic = ground.cluster.topic(self.name)
        self.end = 0
        self._producer = Producer(
            {
                "bootstrap.servers": ground.cluster.bootstrap_servers,
                "transactional.id": ground.cluster.dispatchers_of(AccountName(account)),
                "retry.backoff.ms": 1,
                "linger.ms": 0,
            }
        )
        self._producer.init_transactions(_PATIENCE_S)

    def append(self, values: Sequence[bytes]) -> None:
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(self.topic, value, on_delivery=self._told)
        self._producer.commit_transaction(_PATIENCE_S)

    def _told(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.end = (message.offset() or 0) + 1


def becoming_visible(addresses: StackAddresses, samples: int) -> Iterator[Figure]:
    """Append at several rates; `samples` transactions each, as many bare ones in turn."""
    for rate in _RATES:
        size = max(1, rate // _TRANSACTIONS_A_SECOND)
        waits, floors = _waits(addresses, samples, size, size / rate)
        name = f"visible.{rate}_a_second"
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            value, floor = percentile(waits, share), percentile(floors, share)
            yield Figure(name=f"{name}.{label}", unit="ms", value=1e3 * value, floor=1e3 * floor)


def _waits(
    addresses: StackAddresses, samples: int, size: int, period_s: float
) -> tuple[list[float], list[float]]:
    waits, floors = list[float](), list[float]()
    codec = Codec(RegistrySchemaSource(addresses.registry_url))
    told: dict[str, Any] = {"projections": [one.name for one in PROJECTIONS]}
    with (
        Ground.prepared(addresses, "real") as ground,
        Ground.prepared(addresses, "bare") as elsewhere,  # the projector reads every log here
        database(addresses) as dsn,
        running_task(
            "project_shared",
            bootstrap_servers=ground.cluster.bootstrap_servers,
            prefix=ground.cluster.prefix,
            registry_url=addresses.registry_url,
            dsn=dsn,
            **told,
        ) as projector,
        psycopg.connect(dsn, autocommit=True, options=_BOUNDED) as connection,
    ):
        next(iter(projector.stdout or ()))
        real, bare = _Log(ground, "real"), _Log(elsewhere, "bare")
        reader = Consumer(consumer_config(addresses.bootstrap_servers, "nobody"))
        reader.assign([TopicPartition(bare.topic, 0, 0)])
        connection.execute("CREATE TABLE bare (number BIGINT)")
        connection.execute(_TELL)
        events = history(AccountName("real"), size * (samples + _WARM_UP))
        for number in range(-_WARM_UP, samples):
            values = [codec.encode(event) for event in islice(events, size)]
            began = time.monotonic()
            real.append(values)
            _await_rows(connection, real)
            seen = time.monotonic()
            bare.append(values)
            read = 0
            while read < size:
                read += len(consume_batch(reader, size, 1.0).messages)
            connection.execute("INSERT INTO bare VALUES (%s)", (number,))
            done = time.monotonic()
            if number >= 0:
                waits.append(seen - began)
                floors.append(done - seen)
            time.sleep(max(0.0, began + period_s - time.monotonic()))
        projector.send_signal(signal.SIGTERM)
        projector.wait(_PATIENCE_S)
        reader.close()
    return waits, floors


def _await_rows(connection: psycopg.Connection[Any], log: _Log) -> None:
    for told in connection.notifies(timeout=_PATIENCE_S):
        if int(told.payload) >= log.end:
            return
    raise TimeoutError(f"no rows of {log.name} before {log.end} within {_PATIENCE_S:.0f} s")
