"""One share on the real paper API, and nothing left behind. Left out of every other run.

Run it by `pytest -m real_alpaca tests/real_alpaca`; the README says what it needs.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

import pytest

from brokers.alpaca.broker import AlpacaPaperBroker
from brokers.alpaca.inspection import look_at_clock
from brokers.alpaca.market import AlpacaMarket
from brokers.broker import OrderReport, OrderRequest, OrderStatus
from brokers.errors import DuplicateOrder, OrderRefused
from consumers.clock import SystemClock
from consumers.dispatcher.brokerage import market_of
from consumers.doctor.broker_checks import check_broker
from consumers.doctor.finding import Verdict
from consumers.settings_account import AccountSettings
from events.identifiers import ClientOrderId
from events.order import OrderTerms, OrderType, Side
from events.recommendation import Action, InstrumentType
from tests.builders import a_recommendation

pytestmark = pytest.mark.real_alpaca

TICKER: Final = "F"
"""A share that costs little and always trades."""

PATIENCE_S: Final = 30.0
_ASKED_EVERY_S: Final = 0.5


def test_the_doctor_has_nothing_to_mend(account: AccountSettings) -> None:
    findings = list(check_broker(account))

    assert [one for one in findings if one.verdict is Verdict.FAIL] == []
    assert len(findings) == 4


def test_an_order_far_from_the_market_is_found_told_and_cancelled(
    broker: AlpacaPaperBroker,
) -> None:
    with nothing_left_behind(broker):
        request = an_order(Side.BUY, Decimal("1.00"))
        placed = broker.submit(request)

        name = request.terms.client_order_id
        assert placed.client_order_id == name
        assert placed.status is OrderStatus.WORKING
        assert broker.find(ClientOrderId(name)) is not None
        assert name in [order.client_order_id for order in broker.open_orders()]
        with pytest.raises(DuplicateOrder):
            broker.submit(request)
        broker.cancel(placed.broker_order_id)
        assert ended(broker, placed).status is OrderStatus.CANCELED
        heard = [report.status for report in told(broker, placed)]
        assert OrderStatus.CANCELED in heard


def test_one_share_is_bought_and_sold_while_the_exchange_is_open(
    account: AccountSettings, broker: AlpacaPaperBroker
) -> None:
    if not look_at_clock(broker.http).is_open:
        pytest.skip("the exchange is closed: run this again from 9:30 to 16:00 New York")
    market = market_of(account, broker)
    assert isinstance(market, AlpacaMarket)
    seen = market.view(a_recommendation(ticker=TICKER))
    assert seen is not None
    assert seen.market.ask is not None

    with nothing_left_behind(broker):
        limit = (seen.market.ask * Decimal("1.02")).quantize(Decimal("0.01"))
        bought = ended(broker, broker.submit(an_order(Side.BUY, limit)))
        assert bought.status is OrderStatus.FILLED
        [fill] = bought.fills
        assert fill.quantity == fill.cumulative_quantity == Decimal(1)
        assert fill.price <= limit
        sold = ended(broker, broker.submit(an_order(Side.SELL, None)))
        assert sold.status is OrderStatus.FILLED


def an_order(side: Side, limit: Decimal | None) -> OrderRequest:
    """Return an order of one share, at the market where there is no limit, by a name of its own."""
    clock = SystemClock()
    terms = OrderTerms(
        client_order_id=f"real-{time.time_ns()}",
        ticker=TICKER,
        symbol=TICKER,
        instrument_type=InstrumentType.STOCK,
        multiplier=1,
        action=Action.BUY if side is Side.BUY else Action.SELL,
        side=side,
        closes_position=side is Side.SELL,
        quantity=Decimal(1),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        reference_price=limit or Decimal(1),
        limit_price=limit,
        worst_price=limit or Decimal(1),
        reserved_notional=limit or Decimal(1),
    )
    return OrderRequest(terms=terms, sent_at=clock.now())


def ended(broker: AlpacaPaperBroker, order: OrderReport) -> OrderReport:
    """Wait until an order has ended, and return how."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = broker.find(order.client_order_id)
        if found is not None and found.status is not OrderStatus.WORKING:
            return found
        assert time.monotonic() < deadline, f"{order.client_order_id} has not ended: {found}"
        time.sleep(_ASKED_EVERY_S)


def told(broker: AlpacaPaperBroker, order: OrderReport) -> list[OrderReport]:
    """Return what the stream, or its asking back, told of an order that has ended."""
    heard = list[OrderReport]()
    deadline = time.monotonic() + PATIENCE_S
    while not any(one.status is not OrderStatus.WORKING for one in heard):
        ours = order.client_order_id
        heard += [one for one in broker.updates() if one.client_order_id == ours]
        assert time.monotonic() < deadline, "the trade updates told nothing of it"
        time.sleep(_ASKED_EVERY_S)
    return heard


@contextmanager
def nothing_left_behind(broker: AlpacaPaperBroker) -> Iterator[None]:
    """Cancel what still works of ours afterwards, and sell what was bought and not sold."""
    before = held(broker)
    try:
        yield
    finally:
        for order in broker.open_orders():
            if order.client_order_id.startswith("real-"):
                try:
                    broker.cancel(order.broker_order_id)
                except OrderRefused:  # it has ended meanwhile
                    continue
                ended(broker, order)
        if held(broker) > before:
            ended(broker, broker.submit(an_order(Side.SELL, None)))
    assert held(broker) == before


def held(broker: AlpacaPaperBroker) -> Decimal:
    """Return how many of the shares the account holds."""
    found = (one.quantity for one in broker.positions() if one.symbol == TICKER)
    return next(found, Decimal(0))
