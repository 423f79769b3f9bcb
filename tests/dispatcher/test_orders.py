"""Orders on their way: a broker that turns them away is not asked again at once."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import pytest
from pydantic import SecretStr

from accounts.evolve import fold
from accounts.limits import LARGE
from accounts.state import AccountState
from brokers.alpaca.broker import AlpacaPaperBroker
from brokers.alpaca.credentials import Credentials
from brokers.alpaca.rate import KEPT_FREE, LIMIT, RateBudget
from brokers.alpaca.transport import AlpacaHttp
from brokers.broker import OrderReport, OrderRequest, anything_goes
from brokers.errors import OrderNotAccepted
from brokers.simulated import SimulatedBroker, SimulationTerms
from consumers.dispatcher.orders import KEPT_FOR_CANCELS, Orders
from consumers.dispatcher.outcomes import Writer
from consumers.dispatcher.recording import Outcomes
from consumers.dispatcher.seat import Record
from consumers.dispatcher.submit_gate import Holder, Level
from consumers.dispatcher.submitter import THREADS
from events.catalog import LogEvent
from events.decision import RecommendationFailed
from events.identifiers import BrokerOrderId, ClientOrderId
from events.order import OrderAccepted, OrderResent
from stack.alpaca_server.control import AlpacaControl
from tests.builders import NOW, a_halt, an_author, an_opening
from tests.clocks import HandMovedClock
from tests.order_builders import an_acceptance, an_intent

PATIENCE_S = 10.0
WRITER = Writer(
    author=an_author(), now=NOW, limits=LARGE, submit_window_ms=3000, answer_within_ms=13000
)


class BusyBroker(SimulatedBroker):
    """A broker that takes no orders at this moment, and counts those it is offered."""

    def __init__(self) -> None:
        super().__init__(account_number="sim-tiny", terms=SimulationTerms())
        self.offered = 0
        self.free = 10

    def orders_free(self) -> int:
        return self.free

    def submit(self, request: OrderRequest) -> OrderReport:
        self.offered += 1
        raise OrderNotAccepted(f"429 too many requests for {request.terms.ticker}")


def test_an_order_that_was_turned_away_waits_before_it_is_sent_again() -> None:
    # given: an intent, and a broker that turns it away
    intent, clock, broker = an_intent(), HandMovedClock(), BusyBroker()
    orders = Orders(broker, clock, simulated=True)
    state = fold([an_opening(), intent])

    # when
    orders.start([intent], state, stamped_at_s=clock.elapsed_s())
    orders.collect(PATIENCE_S)

    # then: nothing follows from it yet
    assert broker.offered == 1
    assert orders.facts_unwritten == 0

    # and: after a pause it does
    clock.seconds += 1.0
    orders.collect(0.0)
    assert orders.facts_unwritten == 1
    orders.close("the test is over")


def test_an_order_that_was_turned_away_waits_until_the_broker_takes_orders_again() -> None:
    # given: an intent that was turned away, by a broker with no room before its reset
    intent, clock, broker = an_intent(), HandMovedClock(), BusyBroker()
    orders = Orders(broker, clock, simulated=True)
    state = fold([an_opening(), intent])
    orders.start([intent], state, stamped_at_s=clock.elapsed_s())
    orders.collect(PATIENCE_S)
    broker.free = 0

    # when: its pause is over long since
    clock.seconds += 20.0
    orders.collect(0.0)

    # then: it waits for the reset, and a new order behind it
    assert orders.facts_unwritten == 0
    broker.free = 1
    assert orders.free == 0
    orders.collect(0.0)
    assert orders.facts_unwritten == 1
    orders.close("the test is over")


def test_stray_denials_between_good_answers_make_no_accepted_order_vanish(
    alpaca: AlpacaControl,
) -> None:
    # given: an order that rests at the broker
    alpaca.set_time(NOW.isoformat())
    alpaca.quote("MSFT", bid="149.98", ask="150.02")
    account = alpaca.add_account("PA1")
    keys = Credentials(SecretStr(account.key_id), SecretStr(account.secret_key))
    budget = RateBudget(time.monotonic, time.time)
    way = AlpacaHttp(alpaca.url, keys, PATIENCE_S, budget)
    intent, clock = an_intent(), HandMovedClock()
    orders = Orders(AlpacaPaperBroker(way), clock, simulated=False)
    state = fold([an_opening(), intent])

    def settled(state: AccountState) -> Outcomes:
        orders.collect(PATIENCE_S)
        outcomes = orders.outcomes(state, WRITER, lambda _: Record("log", b""))
        orders.written(outcomes, outcomes.state)
        return outcomes

    orders.start([intent], state, stamped_at_s=clock.elapsed_s())
    accepted = settled(state)
    assert [type(event) for event in accepted.events] == [OrderAccepted]

    # when: every other look-up does not find it
    told = list[LogEvent]()
    for look_up in range(6):
        if look_up % 2 == 0:
            alpaca.hide(lookups=1)
        clock.seconds += 3600
        orders.ask()
        told += settled(accepted.state).events

    # then
    assert told == []
    assert len(alpaca.requests()) == 7
    orders.close("the test is over")
    way.close()


class CountingBroker(AlpacaPaperBroker):
    """A broker that takes so many requests a minute, and answers none before it is let go on."""

    def __init__(self, clock: HandMovedClock, left: int) -> None:
        budget = RateBudget(clock.elapsed_s, clock.elapsed_s)
        keys = Credentials(SecretStr("KEY"), SecretStr("SECRET"))
        super().__init__(AlpacaHttp("http://127.0.0.1:1", keys, 1.0, budget))
        self.go_on = Event()
        self.asked: list[str] = []
        for _ in range(LIMIT - left):
            budget.sending()

    def cancel(self, broker_order_id: BrokerOrderId) -> None:
        self._ask("cancel", broker_order_id)

    def find(self, client_order_id: ClientOrderId) -> OrderReport | None:
        self._ask("look-up", client_order_id)
        return None

    def _ask(self, what: str, order: str) -> None:
        assert order
        self.go_on.wait(PATIENCE_S)
        self.http.budget.sending()
        self.asked.append(what)


@pytest.mark.parametrize(
    ("left", "cancels", "look_ups", "new"),
    [
        pytest.param(0, 0, 0, 0, id="nothing is left"),
        pytest.param(4, 4, 0, 0, id="less than there is to cancel"),
        pytest.param(KEPT_FOR_CANCELS + 5, 5, 0, 0, id="what is kept for cancels"),
        pytest.param(KEPT_FOR_CANCELS + 5 + 3, 5, 3, 0, id="a few more"),
        pytest.param(KEPT_FREE + 1, 5, THREADS - 5, 0, id="what is kept from new orders"),
        pytest.param(KEPT_FREE + 6, 5, THREADS - 5, 3, id="room for some"),
    ],
)
def test_of_few_requests_cancels_come_first_then_questions_and_new_orders_last(
    left: int, cancels: int, look_ups: int, new: int
) -> None:
    # given: five orders to be cancelled, twenty of which nobody knows if the broker has them
    accepted = [an_intent(number) for number in range(1, 6)]
    unknown = [an_intent(number) for number in range(6, 26)]
    acceptances = [an_acceptance(intent) for intent in accepted]
    halt = replace(a_halt(), cancel_open=True)
    state = fold([an_opening(), *accepted, *acceptances, *unknown, halt])
    clock = HandMovedClock()
    broker = CountingBroker(clock, left)
    orders = Orders(broker, clock, simulated=False)
    orders.watch(state.unresolved())

    # when: one turn of the loop
    room = orders.free
    orders.cancel(state)
    orders.ask()
    broker.go_on.set()
    while orders.calls_under_way:
        orders.collect(PATIENCE_S)

    # then
    assert broker.asked.count("cancel") == cancels
    assert broker.asked.count("look-up") == look_ups
    assert room == new
    assert cancels + look_ups <= left
    orders.close("the test is over")


def test_a_halt_ends_the_waiting_for_room() -> None:
    intent, clock, broker = an_intent(), HandMovedClock(), BusyBroker()
    orders = Orders(broker, clock, simulated=True)
    orders.start([intent], fold([an_opening(), intent]), stamped_at_s=clock.elapsed_s())
    orders.collect(PATIENCE_S)
    broker.free = 0

    orders.gate.hold(Holder.COMMAND, Level.CLOSED, "halted by maria")
    orders.collect(0.0)

    assert orders.facts_unwritten == 1
    orders.close("the test is over")


def test_an_attempt_whose_window_has_passed_never_reaches_the_broker() -> None:
    # given: an intent whose window is over when its turn comes
    intent, clock, broker = an_intent(), HandMovedClock(), BusyBroker()
    orders = Orders(broker, clock, simulated=True)
    state = fold([an_opening(), intent])
    window = intent.submit_before - intent.envelope.occurred_at
    clock.seconds = window.total_seconds()

    # when
    orders.start([intent], state, stamped_at_s=0.0)
    orders.collect(PATIENCE_S)

    # then: it was never sent, which is known at once
    assert broker.offered == 0
    assert orders.facts_unwritten == 1
    orders.close("the test is over")


class ConnectingBroker(SimulatedBroker):
    """A broker to which a connection takes time, in which something happens."""

    def __init__(self) -> None:
        super().__init__(account_number="sim-tiny", terms=SimulationTerms())
        self.meanwhile: Callable[[], object] = anything_goes

    def submit(self, request: OrderRequest) -> OrderReport:
        self.meanwhile()
        return super().submit(request)


def test_an_order_that_is_connecting_when_trading_is_held_does_not_go_out() -> None:
    # given: an attempt that the gate has let begin
    intent, clock, broker = an_intent(), HandMovedClock(), ConnectingBroker()
    orders = Orders(broker, clock, simulated=True)
    state, started = fold([an_opening(), intent]), list[frozenset[ClientOrderId]]()

    # when: trading is held before the attempt can go out
    broker.meanwhile = lambda: started.append(
        orders.gate.hold(Holder.COMMAND, Level.CLOSED, "halted by maria")
    )
    orders.start([intent], state, stamped_at_s=clock.elapsed_s())
    orders.collect(PATIENCE_S)

    # then: the hold names nothing that had started, and nothing starts
    assert started == [frozenset()]
    assert broker.find(ClientOrderId(intent.terms.client_order_id)) is None
    [failed] = orders.outcomes(state, WRITER, lambda _: Record("log", b"")).events
    assert isinstance(failed, RecommendationFailed)
    assert failed.error == "NeverSent: halted by maria"
    orders.close("the test is over")


def test_an_order_whose_window_passes_while_it_connects_is_sent_again_and_not_late() -> None:
    # given
    intent, clock, broker = an_intent(), HandMovedClock(), ConnectingBroker()
    orders = Orders(broker, clock, simulated=True)
    state = fold([an_opening(), intent])

    # when: connecting takes longer than the window is open
    def wait() -> None:
        clock.seconds += (intent.submit_before - intent.envelope.occurred_at).total_seconds()

    broker.meanwhile = wait
    orders.start([intent], state, stamped_at_s=clock.elapsed_s())
    orders.collect(PATIENCE_S)

    # then
    assert broker.find(ClientOrderId(intent.terms.client_order_id)) is None
    [resent] = orders.outcomes(state, WRITER, lambda _: Record("log", b"")).events
    assert isinstance(resent, OrderResent)
    orders.close("the test is over")


def test_a_shut_gate_lets_no_attempt_start() -> None:
    # given
    intent, clock, broker = an_intent(), HandMovedClock(), BusyBroker()
    orders = Orders(broker, clock, simulated=True)
    orders.gate.shut("the seat was revoked")

    # when
    orders.start([intent], fold([an_opening(), intent]), stamped_at_s=0.0)
    orders.collect(PATIENCE_S)

    # then: what becomes of it is for the next owner of the seat
    assert broker.offered == 0
    assert orders.facts_unwritten == 0
    orders.close("the test is over")
