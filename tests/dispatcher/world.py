"""A small world for one test: topics, accounts, dispatchers as processes, and what came of them."""

import os
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from accounts.evolve import fold
from accounts.state import AccountState
from brokers.broker import OrderReport
from brokers.ledger import read_ledger
from consumers.clock import SystemClock
from consumers.cluster import Cluster
from consumers.kafka import consume_batch, consumer_config, offset_of
from consumers.offsets import end_offset
from consumers.topics_admin import apply_topics
from events.catalog import LOG_EVENTS, LogEvent
from events.codec import Codec
from events.decision import RecommendationDeclined, RecommendationFailed
from events.identifiers import AccountName, account_name
from events.order import OrderCanceled, OrderExpired, OrderFilled, OrderIntended, OrderRejected
from events.recommendation import RecommendationIssued
from events.topics import DEAD_LETTERS, RECOMMENDATIONS, log_of, topics_for
from tests.born import Born, bear
from tests.builders import a_recommendation
from tests.dispatcher.held_dispatcher import Hold, Trouble, main
from tests.services import Services

PATIENCE_S: Final = 120.0

SHORT: Final = "session_timeout_ms = 1500\nsubmit_window_ms = 1000"
"""Whoever is killed has a successor soon."""

ROOMY: Final = "session_timeout_ms = 6000\nsubmit_window_ms = 5000"
"""Of a history that has to be the same each time: no window passes while the machine is busy."""

ANY_NUMBER_OF_ORDERS: Final = """max_open_positions = 1000000
max_notional_exposure = 99000000
max_daily_loss = 99000000
max_daily_loss_share = 1
"""
"""Limits under which every entry goes out, for as long as there is cash; without `order_rate`."""


@dataclass(slots=True)
class Running:
    """A dispatcher's process."""

    process: Born
    log: Path
    fifos: Path
    end_awaited: bool = False
    """Whether the test has waited for its end, and so knows how it ended."""

    def await_hold(self) -> None:
        """Wait until it stands where it was told to stand."""
        reader = os.open(self.fifos / "held", os.O_RDONLY | os.O_NONBLOCK)
        try:
            while not select.select([reader], [], [], 0.1)[0] or not os.read(reader, 10):
                assert self.process.poll() is None, self.said()
        finally:
            os.close(reader)

    def go(self) -> None:
        """Let it go on from there."""
        (self.fifos / "go").write_text("go")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill it without warning."""
        self.send(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def exit_code(self) -> int:
        """Wait for its end."""
        self.end_awaited = True
        return self.process.wait(PATIENCE_S)

    def said(self) -> str:
        """Return everything it has logged so far."""
        return self.log.read_text()


@dataclass(slots=True)
class World:
    """One corner of Kafka with its accounts."""

    services: Services
    cluster: Cluster
    codec: Codec
    directory: Path
    accounts: dict[AccountName, str] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)
    admin: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        self.admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap_servers})
        self._create_topics([])

    @property
    def config(self) -> Path:
        """The dispatcher.toml of this world."""
        return self.directory / "dispatcher.toml"

    def open_account(  # noqa: PLR0913 -- what an account is made of
        self,
        *,
        preset: str = "large",
        start_from: str = "earliest",
        clock: str = "system",
        tuning: str | None = None,
        limits: str = "",
        starting_cash: int = 100_000,
        more: str = "",
        name: str | None = None,
        mode: str = "SIMULATED",
    ) -> AccountName:
        """Configure a new account and create its topics; the exchange never closes for it."""
        name = account_name(name or f"a{uuid4().hex[:10]}")
        ledger = f'ledger = "{self.directory / name}.jsonl"' if mode == "SIMULATED" else ""
        if tuning is None:
            tuning = ROOMY if clock == "historical" else SHORT
        off = [] if clock == "historical" else ["trading_hours"]
        off += ["order_rate"] if ANY_NUMBER_OF_ORDERS in limits else []
        self.accounts[name] = f"""
[accounts.{name}]
mode = "{mode}"
preset = "{preset}"
start_from = "{start_from}"
starting_cash = {starting_cash}
clock = "{clock}"
{ledger}
{more}
[accounts.{name}.limits]
disabled_gates = {off}
{limits}
[accounts.{name}.tuning]
{tuning}
"""
        self.config.write_text(
            f"""
[kafka]
bootstrap_servers = "{self.cluster.bootstrap_servers}"
topic_prefix = "{self.cluster.prefix}"
[registry]
url = "{self.services.registry_url}"
[postgres]
dsn = "{self.services.postgres_dsn}"
"""
            + "".join(self.accounts.values())
        )
        self._create_topics([name])
        return name

    def publish(self, *recommendations: RecommendationIssued) -> None:
        """Let the Signal Engine say something."""
        self.append(
            RECOMMENDATIONS.name, *(self.codec.encode(advice) for advice in recommendations)
        )

    def append(self, topic: str, *values: bytes) -> None:
        """Append raw records to a topic."""
        producer = Producer(
            {
                "bootstrap.servers": self.cluster.bootstrap_servers,
                "enable.idempotence": True,
                "message.max.bytes": 2_000_000,
            }
        )
        for value in values:
            producer.produce(self.cluster.topic(topic), value)
        assert producer.flush(30) == 0

    def start(
        self,
        account: AccountName,
        hold: Hold = Hold.NOWHERE,
        *,
        trouble: Trouble = Trouble.NONE,
        until_caught_up: bool = False,
        bug_in: str | None = None,
    ) -> Running:
        """Start a dispatcher of `account` as a process of its own."""
        fifos = self.directory / f"fifos-{len(self.started)}"
        fifos.mkdir()
        for name in ("held", "go"):
            os.mkfifo(fifos / name)
        log = self.directory / f"dispatcher-{len(self.started)}-{account}.log"
        arguments = [str(self.config), account, hold.value, trouble.value, str(fifos)]
        if until_caught_up:
            arguments.append("--until-caught-up")
        if bug_in is not None:
            arguments += ["--bug", bug_in]
        log.touch()
        running = Running(bear(main, arguments, out=log), log, fifos)
        self.started.append(running)
        return running

    def catch_up(self, *accounts: AccountName) -> None:
        """Run a dispatcher of each account until it has caught up."""
        for running in [self.start(account, until_caught_up=True) for account in accounts]:
            assert running.exit_code() == 0, running.said()

    def log(self, account: AccountName) -> list[LogEvent]:
        """Return the account's committed events."""
        return [event for _, event in self.log_with_offsets(account)]

    def log_with_offsets(self, account: AccountName) -> list[tuple[int, LogEvent]]:
        """Return the account's committed events with their offsets."""
        found: list[tuple[int, LogEvent]] = []
        for offset, value in self.records(log_of(account).name):
            event = self.codec.decode(value)
            assert isinstance(event, LOG_EVENTS)
            found.append((offset, event))
        return found

    def dead_letters(self) -> list[bytes | None]:
        """Return what was dead-lettered."""
        return [value for _, value in self.records(DEAD_LETTERS.name)]

    def records(self, topic: str) -> list[tuple[int, bytes | None]]:
        """Return a topic's committed records, to its end."""
        name = self.cluster.topic(topic)
        consumer = Consumer(consumer_config(self.cluster.bootstrap_servers, f"reader.{uuid4()}"))
        try:
            end = end_offset(consumer, name)
            consumer.assign([TopicPartition(name, 0, 0)])
            found: list[tuple[int, bytes | None]] = []
            reached = 0
            while reached < end:
                batch = consume_batch(consumer, 1000, 1.0)
                for message in batch.messages:
                    found.append((offset_of(message), message.value()))
                    reached = offset_of(message) + 1
                reached = max([reached, *batch.ends.values()])
            return found
        finally:
            consumer.close()

    def state(self, account: AccountName) -> AccountState:
        """Return the account folded from its log."""
        return fold(self.log(account))

    def ledger(self, account: AccountName) -> list[OrderReport]:
        """Return the orders in the simulated broker's own book."""
        path = self.directory / f"{account}.jsonl"
        return read_ledger(path) if path.exists() else []

    def await_ends(self, account: AccountName, *recommendations: int) -> list[LogEvent]:
        """Return the log as soon as each of `recommendations` has an end in it."""
        return self.await_log(account, lambda events: set(recommendations) <= set(ends(events)))

    def await_log(
        self, account: AccountName, there: Callable[[list[LogEvent]], bool]
    ) -> list[LogEvent]:
        """Return the log as soon as it is as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not there(events := self.log(account)):
            for running in self.started:
                well = running.end_awaited or running.process.poll() in (None, 0, 8, -9)
                assert well, running.said()
            assert time.monotonic() < deadline, [type(event).__name__ for event in events]
            Event().wait(0.02)
        return events

    def close(self) -> None:
        """Leave nothing running and no topic behind."""
        for running in self.started:
            if running.process.poll() is None:
                running.send(signal.SIGCONT)
                running.kill()
        names = [self.cluster.topic(topic.name) for topic in topics_for(self.accounts)]
        for future in self.admin.delete_topics(names).values():
            future.result(30)

    def _create_topics(self, accounts: Iterable[AccountName]) -> None:
        apply_topics(self.cluster, accounts, replication_factor=1)


def fresh_advice(recommendation_id: int, **changes: Any) -> RecommendationIssued:  # noqa: ANN401 -- any field
    """Return advice issued this moment, as a dispatcher on the system's clock wants it."""
    now = SystemClock().now()
    return a_recommendation(
        recommendation_id=recommendation_id,
        **{"issued_at": now, "bar_at": now, "features_at": now} | changes,
    )


def ends(events: Iterable[LogEvent]) -> Counter[int]:
    """Return how often each recommendation has ended, counted from the events alone."""
    ended: dict[int, set[str]] = {}
    for event in events:
        recommendation = event.envelope.recommendation_id
        kind = _end(event)
        if recommendation is not None and kind is not None:
            ended.setdefault(recommendation, set()).add(kind)
    return Counter({recommendation: len(kinds) for recommendation, kinds in ended.items()})


def intents(events: Iterable[LogEvent]) -> list[OrderIntended]:
    """Return the intents among events."""
    return [event for event in events if isinstance(event, OrderIntended)]


def _end(event: LogEvent) -> str | None:
    match event:
        case OrderFilled():
            return "executed"
        case OrderCanceled() | OrderExpired():
            return "expired" if event.cumulative_quantity == 0 else None
        case OrderRejected() | RecommendationDeclined() | RecommendationFailed():
            return type(event).__name__
        case _:
            return None
