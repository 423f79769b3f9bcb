"""A projector in a thread, on a real Kafka, and logs written the way dispatchers write them."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from uuid import uuid4

import psycopg
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.cluster import Cluster
from consumers.kafka import CONNECTED_AT_ONCE
from consumers.projector.projector import Projector
from consumers.projector.run import run_projector
from consumers.projector.settings import Progress, ProjectorResult, ProjectorSettings
from consumers.registry import RegistrySchemaSource
from consumers.topics_admin import apply_topics
from events.catalog import AnyEvent
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of
from migrations.apply import migrate
from projections.catalog import PROJECTIONS
from tests.projections.driving import rows
from tests.projections.story import Log
from tests.services import Services

PATIENCE_S = 120

READ_LOGS = [projection.name for projection in PROJECTIONS if projection.reads_logs]
"""The names of the projections that are told from accounts' logs."""


@dataclass
class World:
    """A corner of Kafka with its topics, and a database."""

    cluster: Cluster
    codec: Codec
    database: str

    def settings(self, group: str = "projector") -> ProjectorSettings:
        return ProjectorSettings(
            cluster=self.cluster,
            postgres_dsn=self.database,
            build="test",
            group=group,
            poll_timeout_ms=50,
            backoff_ms=20,
            backoff_max_ms=200,
        )

    def create(self, *accounts: str) -> None:
        apply_topics(self.cluster, [AccountName(account) for account in accounts])

    def write(
        self, log: Log, events: Iterable[AnyEvent] | None = None, *, together: bool = False
    ) -> None:
        """Append a log's events, one transaction each, with an aborted one before each.

        `together` they are one transaction.
        """
        producer = self._transactional(log.account)
        topic = self.cluster.topic(log.topic)
        wanted = log.events if events is None else list(events)
        for some in [wanted] if together else [[event] for event in wanted]:
            producer.begin_transaction()
            producer.produce(topic, b"never committed")
            producer.flush()
            producer.abort_transaction()
            producer.begin_transaction()
            for event in some:
                producer.produce(topic, self.codec.encode(event), key=log.account.encode())
            producer.commit_transaction()

    def write_raw(
        self, topic: str, value: bytes | None, headers: dict[str, bytes] | None = None
    ) -> None:
        producer = Producer({"bootstrap.servers": self.cluster.bootstrap_servers})
        producer.produce(self.cluster.topic(topic), value, headers=list((headers or {}).items()))
        assert producer.flush(PATIENCE_S) == 0

    def catch_up(self, group: str = "projector") -> ProjectorResult:
        return run_projector(self.settings(group), self.codec, stop=Event(), until_caught_up=True)

    def forget_before(self, account: str, offset: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap_servers})
        topic = self.cluster.topic(log_of(AccountName(account)).name)
        for answer in admin.delete_records([TopicPartition(topic, 0, offset)]).values():
            answer.result(PATIENCE_S)

    def _transactional(self, account: str) -> Producer:
        producer = Producer(
            {
                "bootstrap.servers": self.cluster.bootstrap_servers,
                "transactional.id": self.cluster.dispatchers_of(AccountName(account)),
                "retry.backoff.ms": 1,
                **CONNECTED_AT_ONCE,
            }
        )
        producer.init_transactions(PATIENCE_S)
        return producer


@dataclass
class Running:
    """A projector that is running, and what it said last."""

    stop: Event = field(default_factory=Event)
    progress: Progress = field(default_factory=Progress)
    results: list[ProjectorResult] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    _told: Condition = field(default_factory=Condition)

    def wait_until(self, reached: Callable[[Progress], bool]) -> None:
        """Wait for a word of the projector that satisfies `reached`, or for its end."""
        with self._told:
            assert self._told.wait_for(
                lambda: self.errors or reached(self.progress), timeout=PATIENCE_S
            ), self.progress

    def tell(self, progress: Progress) -> None:
        with self._told:
            self.progress = progress
            self._told.notify_all()

    def fail(self, error: Exception) -> None:
        with self._told:
            self.errors.append(error)
            self._told.notify_all()


@contextmanager
def world_on(services: Services, *accounts: str) -> Iterator[World]:
    """A world of its own on services that a test may break, with a new, migrated database."""
    name = f"t{uuid4().hex[:16]}"
    with psycopg.connect(services.postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    dsn = services.postgres_dsn.rsplit("/", 1)[0] + f"/{name}"
    migrate(dsn)
    source = RegistrySchemaSource(services.registry_url)
    world = World(Cluster(services.bootstrap_servers, f"{name}."), Codec(source), dsn)
    world.create(*accounts)
    yield world
    source.close()


@contextmanager
def projecting(world: World, group: str = "projector") -> Iterator[Running]:
    running = Running()

    def run() -> None:
        try:
            result = run_projector(
                world.settings(group), world.codec, stop=running.stop, on_progress=running.tell
            )
            running.results.append(result)
        except Exception as error:  # noqa: BLE001 -- the test asks for it
            running.fail(error)

    thread = Thread(target=run)
    thread.start()
    try:
        yield running
    finally:
        running.stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def traded(account: str, count: int, *, first: int = 1) -> Log:
    log = Log(AccountName(account))
    for number in range(first, first + count):
        log.intended(number)
        log.filled(number, "10", "100")
    return log


def executed(dsn: str) -> list[tuple[str, int]]:
    found = rows(dsn, "dispatch_executions", "account_name, recommendation_id")
    return [(row["account_name"], row["recommendation_id"]) for row in found]


def checkpoints(dsn: str, topic: str) -> set[int]:
    return {
        row["next_offset"] for row in rows(dsn, "projection_checkpoints") if row["topic"] == topic
    }


def step_until(projector: Projector, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, projector.progress
        projector.step()
