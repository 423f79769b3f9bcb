"""A corner of Kafka and databases of its own for each measurement, gone afterwards."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from psycopg import sql

from consumers.cluster import Cluster
from consumers.registry import RegistrySchemaSource
from consumers.topics_admin import apply_topics
from events.catalog import AnyEvent
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import topics_for
from migrations.apply import migrate
from stack.up import StackAddresses

_FLUSH_S = 60.0


@dataclass(frozen=True, slots=True)
class Ground:
    """Topics under one prefix, for `accounts`."""

    addresses: StackAddresses
    cluster: Cluster
    accounts: tuple[AccountName, ...]

    @classmethod
    @contextmanager
    def prepared(cls, addresses: StackAddresses, *accounts: str) -> Iterator["Ground"]:
        """Create the topics that `accounts` need, and delete them at the end."""
        cluster = Cluster(addresses.bootstrap_servers, f"b{uuid4().hex[:10]}.")
        names = tuple(AccountName(account) for account in accounts)
        apply_topics(cluster, names, replication_factor=1)
        try:
            yield cls(addresses, cluster, names)
        finally:
            admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
            topics = [cluster.topic(topic.name) for topic in topics_for(names)]
            for future in admin.delete_topics(topics).values():
                future.result(_FLUSH_S)

    @property
    def kafka(self) -> dict[str, Any]:
        """What a task is told that needs Kafka alone."""
        return {
            "bootstrap_servers": self.cluster.bootstrap_servers,
            "prefix": self.cluster.prefix,
        }

    @property
    def logs(self) -> dict[str, Any]:
        """What a task is told that reads events: Kafka, and the registry."""
        return {**self.kafka, "registry_url": self.addresses.registry_url}

    def settings(self, **account: Any) -> dict[str, Any]:  # noqa: ANN401 -- any key of an account
        """Return a configuration as `consumers.settings.Settings` reads it: no limit binds.

        The cash outlasts the slippage of a million orders, so that the last is sized as the first.
        """
        hours = [] if account.get("clock") == "historical" else ["trading_hours"]
        plain = {
            "mode": "SIMULATED",
            "preset": "large",
            "start_from": "earliest",
            "starting_cash": "1000000000",
            **account,
            "limits": {
                "sizing_method": "FIXED_NOTIONAL",
                "max_open_positions": 1_000_000,
                "max_notional_exposure": "99000000",
                "ticker_daily_limit": 1_000_000,
                "ticker_cooldown_minutes": 0,
                "recommendation_freshness_seconds": 86_400,
                "max_daily_loss": "99000000",
                "max_daily_loss_share": "1",
                "disabled_gates": ["order_rate", *hours],
            },
        }
        return {
            "kafka": {
                "bootstrap_servers": self.cluster.bootstrap_servers,
                "topic_prefix": self.cluster.prefix,
            },
            "registry": {"url": self.addresses.registry_url},
            "accounts": {str(name): plain for name in self.accounts},
        }


class Publisher:
    """Appends events to one topic, outside transactions."""

    def __init__(self, ground: Ground, topic: str) -> None:
        """Write to `topic`, by its plain name."""
        self._codec = Codec(RegistrySchemaSource(ground.addresses.registry_url))
        self._topic = ground.cluster.topic(topic)
        self._producer = Producer(
            {
                "bootstrap.servers": ground.cluster.bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 0,
            }
        )

    def append(self, events: Iterable[AnyEvent]) -> None:
        """Append `events`, and wait until Kafka has them all."""
        for event in events:
            self._produce(self._codec.encode(event))
        self._flush()

    def append_one(self, event: AnyEvent) -> float:
        """Append `event`, wait until Kafka has it, return when that began (monotonic clock)."""
        value = self._codec.encode(event)
        began = time.monotonic()
        self._produce(value)
        self._flush()
        return began

    def _produce(self, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value)
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _flush(self) -> None:
        if self._producer.flush(_FLUSH_S):
            raise RuntimeError(f"Kafka has not taken everything for {self._topic}")


@contextmanager
def database(addresses: StackAddresses) -> Iterator[str]:
    """Yield the DSN of a new, migrated database; drop it at the end."""
    name = f"b{uuid4().hex[:16]}"
    with psycopg.connect(addresses.postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        dsn = addresses.postgres_dsn.rsplit("/", 1)[0] + f"/{name}"
        try:
            migrate(dsn)
            yield dsn
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(sql.Identifier(name)))
