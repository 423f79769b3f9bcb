"""The simulated broker: the contract, and what is its own."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.broker import Broker, OrderStatus
from brokers.errors import DuplicateOrder
from brokers.ledger import read_ledger
from brokers.simulated import RecommendedMarket, SimulatedBroker, SimulationTerms
from events.identifiers import ClientOrderId
from events.order import Side
from events.recommendation import Action
from tests.brokers.contract import BrokerContract, WorkingOrdersContract, a_request
from tests.builders import a_call, a_recommendation, an_option


def a_broker(ledger: Path | None = None, terms: SimulationTerms | None = None) -> SimulatedBroker:
    return SimulatedBroker(
        account_number="sim-tiny", terms=terms or SimulationTerms(), ledger=ledger
    )


class TestInMemory(BrokerContract):
    @pytest.fixture
    def broker(self) -> Broker:
        return a_broker()


class TestWithLedger(BrokerContract):
    @pytest.fixture
    def broker(self, tmp_path: Path) -> Broker:
        return a_broker(tmp_path / "ledger")


class TestWithPartialFills(BrokerContract):
    @pytest.fixture
    def broker(self) -> Broker:
        return a_broker(terms=SimulationTerms(partial_fills=True))


class TestResting(WorkingOrdersContract):
    @pytest.fixture
    def resting(self) -> Broker:
        return a_broker(terms=SimulationTerms(resting_orders=True))


class TestRestingAfterAFirstPart(WorkingOrdersContract):
    @pytest.fixture
    def resting(self, tmp_path: Path) -> Broker:
        return a_broker(
            tmp_path / "ledger", SimulationTerms(resting_orders=True, partial_fills=True)
        )


def test_a_cancelled_order_is_cancelled_for_every_broker_on_the_ledger(tmp_path: Path) -> None:
    terms = SimulationTerms(resting_orders=True)
    one, other = a_broker(tmp_path / "ledger", terms), a_broker(tmp_path / "ledger", terms)
    report = one.submit(a_request())
    assert other.open_orders() == [report]

    other.cancel(report.broker_order_id)

    assert one.open_orders() == []


def test_what_does_not_fill_at_once_expires_where_nothing_rests() -> None:
    report = a_broker().submit(a_request(limit_price=Decimal(99)))

    assert report.status is OrderStatus.EXPIRED


def test_slippage_is_against_us_on_both_sides() -> None:
    broker = a_broker(terms=SimulationTerms(slippage_bps=10))

    bought = broker.submit(a_request())
    sold = broker.submit(
        a_request("tiny-2-entry", side=Side.SELL, action=Action.SELL, limit_price=Decimal(99))
    )

    assert bought.fills[0].price == Decimal("100.1")
    assert sold.fills[0].price == Decimal("99.9")


def test_slippage_never_passes_the_limit() -> None:
    broker = a_broker(terms=SimulationTerms(slippage_bps=500))

    report = broker.submit(a_request())

    assert report.fills[0].price == Decimal(101)


def test_a_fee_is_charged_once_an_order() -> None:
    terms = SimulationTerms(fee_per_order=Decimal("0.50"), partial_fills=True)
    broker = a_broker(terms=terms)

    report = broker.submit(a_request())

    assert len(report.fills) == 2
    assert sum(fill.fees for fill in report.fills) == Decimal("0.50")


@given(quantity=st.integers(1, 10**9), number=st.integers(1, 10**9))
def test_the_same_order_always_becomes_the_same(quantity: int, number: int) -> None:
    request = a_request(f"tiny-{number}-entry", quantity=Decimal(quantity))
    terms = SimulationTerms(partial_fills=True)

    assert a_broker(terms=terms).submit(request) == a_broker(terms=terms).submit(request)


def test_a_ledger_outlives_its_broker(tmp_path: Path) -> None:
    # given: an order in the ledger of a broker that is gone
    ledger = tmp_path / "ledger"
    report = a_broker(ledger).submit(a_request())

    # when: another takes the ledger over
    successor = a_broker(ledger)

    # then: it knows the order to the last digit, and sells its id to nobody
    assert successor.find(ClientOrderId("tiny-1-entry")) == report
    with pytest.raises(DuplicateOrder):
        successor.submit(a_request())
    assert read_ledger(ledger) == [report]


def test_two_brokers_on_one_ledger_see_each_others_orders(tmp_path: Path) -> None:
    one, other = a_broker(tmp_path / "ledger"), a_broker(tmp_path / "ledger")
    assert other.find(ClientOrderId("tiny-1-entry")) is None

    report = one.submit(a_request())

    assert other.find(ClientOrderId("tiny-1-entry")) == report
    with pytest.raises(DuplicateOrder):
        other.submit(a_request())


def test_the_market_is_what_the_recommendation_says() -> None:
    stock = RecommendedMarket().view(a_recommendation())
    assert stock is not None
    assert stock.market.reference_price == a_recommendation().reference_price

    call = RecommendedMarket().view(a_call())
    assert call is not None
    assert call.market.reference_price == Decimal(5)


def test_an_option_without_a_quote_has_no_market() -> None:
    assert RecommendedMarket().view(a_call(option=an_option(bid=None))) is None
