"""No POST starts after a halt is acknowledged, at whatever moment it comes.

Broker and seat are watched in one process and share one sequence, so that "after" is no guess by a
clock: a halt's number is drawn before its transaction begins, a POST's as its first act.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from brokers.broker import Broker, OrderReport, OrderRequest, anything_goes
from brokers.simulated import SimulatedBroker, SimulationTerms
from consumers.clock import Clock, SystemClock
from consumers.dispatcher import seating
from consumers.dispatcher.process import run_dispatcher
from consumers.dispatcher.seat import Record, Seat, TransactionAborted
from consumers.settings import load_settings
from consumers.settings_account import AccountSettings
from events.account import AccountHalted, AccountResumed
from events.codec import Codec
from events.command import CommandKind
from events.identifiers import AccountName
from events.topics import RECOMMENDATIONS
from tests.dispatcher.commands import command
from tests.dispatcher.world import (
    ANY_NUMBER_OF_ORDERS,
    PATIENCE_S,
    World,
    ends,
    fresh_advice,
    intents,
)

RACES = 200 if os.environ.get("DISPATCHER_TEST_SWEEP") else 10
SEED = int(os.environ.get("DISPATCHER_TEST_SEED", "20261124"))
LIMITS = f"""{ANY_NUMBER_OF_ORDERS}
ticker_daily_limit = 1000000
ticker_cooldown_minutes = 0
"""


@dataclass(slots=True)
class Watch:
    """What happened, in one order: POSTs as they start, halts and resumptions as they are told."""

    codec: Codec
    changed: threading.Condition = field(default_factory=threading.Condition)
    numbers: Iterator[int] = field(default_factory=count)
    posts: list[tuple[int, str]] = field(default_factory=list)
    halts: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    resumed: list[tuple[int, str]] = field(default_factory=list)
    durable: set[str] = field(default_factory=set)

    def post(self, order: str) -> None:
        with self.changed:
            self.posts.append((next(self.numbers), order))

    def begins(self, records: Sequence[Record]) -> list[str]:
        """Draw a number for each halt and resumption that is about to be appended."""
        told = []
        for record in records:
            event = self.codec.decode(record.value)
            if not isinstance(event, AccountHalted | AccountResumed):
                continue
            cause = str(event.envelope.causation_id)
            told.append(cause)
            with self.changed:
                if isinstance(event, AccountHalted):
                    # The first attempt counts: what is tried again has been held since.
                    self.halts.setdefault(cause, (next(self.numbers), event.in_flight))
                else:
                    self.resumed.append((next(self.numbers), cause))
        return told

    def are_durable(self, told: Sequence[str]) -> None:
        with self.changed:
            self.durable.update(told)
            self.changed.notify_all()

    def await_durable(self, cause: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: cause in self.durable, PATIENCE_S), cause


class SlowBroker(SimulatedBroker):
    """Takes a few milliseconds to connect and as many to POST; tells of each POST as it starts."""

    def __init__(self, settings: AccountSettings, watch: Watch, random: Random) -> None:
        super().__init__(
            account_number=settings.broker_account_number,
            terms=SimulationTerms(),
            ledger=settings.ledger,
        )
        self._watch, self._random = watch, random

    def submit(self, request: OrderRequest) -> OrderReport:
        threading.Event().wait(self._random.random() * 0.01)
        request.last_word()
        self._watch.post(request.terms.client_order_id)
        threading.Event().wait(self._random.random() * 0.01)
        return super().submit(replace(request, last_word=anything_goes))


@contextmanager
def trading(world: World, account: AccountName, watch: Watch, random: Random) -> Iterator[None]:
    """Run the account's dispatcher in this process, and a Signal Engine that never is silent."""
    stop, silence = threading.Event(), threading.Event()
    faults: list[BaseException] = []
    settings = load_settings(world.config, {})

    def wiring(settings: AccountSettings) -> tuple[Broker, Clock]:
        return SlowBroker(settings, watch, random), SystemClock()

    def dispatch() -> None:
        try:
            run_dispatcher(settings, account, stop=stop, wiring=wiring)
        except BaseException as error:  # noqa: BLE001 -- told by the test, in its own thread
            faults.append(error)

    def advise() -> None:
        engine = Producer(
            {"bootstrap.servers": world.cluster.bootstrap_servers, "enable.idempotence": True}
        )
        topic = world.cluster.topic(RECOMMENDATIONS.name)
        for number in count(1):
            advice = fresh_advice(number, ticker=f"T{number}")
            engine.produce(topic, world.codec.encode(advice))
            engine.flush(PATIENCE_S)
            if silence.wait(random.random() * 0.012):
                return

    threads = [threading.Thread(target=one) for one in (dispatch, advise)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        silence.set()
        threads[1].join(PATIENCE_S)
        stop.set()
        threads[0].join(PATIENCE_S)
    assert faults == []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("races", "breaks"), [(RACES, False), (3, True)], ids=["written", "written at the second try"]
)
def test_no_post_starts_after_the_acknowledgement_of_a_halt(
    world: World, monkeypatch: pytest.MonkeyPatch, races: int, *, breaks: bool
) -> None:
    # given: an account that is advised and orders all the time
    print(f"\nseed {SEED}")  # noqa: T201 -- to run it again
    random, watch = Random(SEED), Watch(world.codec)  # noqa: S311 -- no secret

    broken: set[str] = set()

    class WatchedSeat(Seat):
        def append(
            self,
            records: Sequence[Record],
            *,
            offsets: TopicPartition | None = None,
            consumer: Consumer | None = None,
        ) -> dict[str, int]:
            told = watch.begins(records)
            if breaks and told and told[0] not in broken:
                broken.add(told[0])
                raise TransactionAborted("the test wants it so")
            written = super().append(records, offsets=offsets, consumer=consumer)
            watch.are_durable(told)
            return written

    monkeypatch.setattr(seating, "Seat", WatchedSeat)
    account = world.open_account(tuning="", limits=LIMITS, starting_cash=10**9)

    # when: it is halted at random moments, and resumed
    pairs: list[tuple[str, str]] = []
    with trading(world, account, watch, random):
        for _ in range(races):
            threading.Event().wait(random.random() * 0.06)
            halt = f"command:{command(world, account, CommandKind.HALT).command_id}"
            watch.await_durable(halt)
            threading.Event().wait(random.random() * 0.03)
            resume = f"command:{command(world, account, CommandKind.RESUME).command_id}"
            watch.await_durable(resume)
            pairs.append((halt, resume))

    # then: between each halt and its resumption no POST started but those that it names
    resumed = {cause: number for number, cause in watch.resumed}
    late, named = [], 0
    for halt, resume in pairs:
        halted_at, in_flight = watch.halts[halt]
        named += len(in_flight)
        started = [order for at, order in watch.posts if halted_at < at < resumed[resume]]
        late += [order for order in started if order not in in_flight]
    assert late == []
    assert len(broken) == (2 * races if breaks else 0)

    # and: every order that was kept back or sent has its end, each was sent once
    world.catch_up(account)
    events = world.log(account)
    assert set(ends(events).values()) == {1}
    assert world.state(account).unresolved() == ()
    orders = [order for _, order in watch.posts]
    assert orders
    at_the_broker = [order.client_order_id for order in world.ledger(account)]
    assert len(at_the_broker) == len(set(at_the_broker))
    assert set(orders) <= set(at_the_broker)
    assert len(orders) == len(set(orders))
    print(  # noqa: T201 -- that the races were some
        f"{len(pairs)} races, {len(orders)} POSTs of {len(intents(events))} intents, {named} named "
        f"in flight, {len(intents(events)) - len(orders)} kept back"
    )
