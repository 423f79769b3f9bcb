"""Orders on their way: a broker that turns them away is not asked again at once."""

from datetime import datetime

from accounts.evolve import fold
from brokers.broker import OrderReport, OrderRequest
from brokers.errors import OrderNotAccepted
from brokers.simulated import SimulatedBroker, SimulationTerms
from consumers.dispatcher.orders import Orders
from tests.builders import NOW, an_intent, an_opening

PATIENCE_S = 10.0


class SetClock:
    """A clock that stands where the test puts it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW

    def elapsed_s(self) -> float:
        return self.seconds


class BusyBroker(SimulatedBroker):
    """A broker that takes no orders at this moment, and counts those it is offered."""

    def __init__(self) -> None:
        super().__init__(account_number="sim-tiny", terms=SimulationTerms())
        self.offered = 0

    def submit(self, request: OrderRequest) -> OrderReport:
        self.offered += 1
        raise OrderNotAccepted(f"429 too many requests for {request.terms.ticker}")


def test_an_order_that_was_turned_away_waits_before_it_is_sent_again() -> None:
    # given: an intent, and a broker that turns it away
    intent, clock, broker = an_intent(), SetClock(), BusyBroker()
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


def test_an_attempt_whose_window_has_passed_never_reaches_the_broker() -> None:
    # given: an intent whose window is over when its turn comes
    intent, clock, broker = an_intent(), SetClock(), BusyBroker()
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


def test_a_shut_gate_lets_no_attempt_start() -> None:
    # given
    intent, clock, broker = an_intent(), SetClock(), BusyBroker()
    orders = Orders(broker, clock, simulated=True)
    orders.gate.shut("the seat was revoked")

    # when
    orders.start([intent], fold([an_opening(), intent]), stamped_at_s=0.0)
    orders.collect(PATIENCE_S)

    # then: what becomes of it is for the next owner of the seat
    assert broker.offered == 0
    assert orders.facts_unwritten == 0
    orders.close("the test is over")
