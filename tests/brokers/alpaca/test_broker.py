"""Alpaca's paper account against the fake: the contract, and what is its own."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from brokers.alpaca.broker import AlpacaPaperBroker
from brokers.alpaca.credentials import Credentials
from brokers.alpaca.rate import RateBudget
from brokers.alpaca.transport import AlpacaHttp
from brokers.broker import Broker, BrokerPosition, OrderRequest, OrderStatus
from brokers.errors import BrokerUnavailable, CredentialsRefused, OrderOutcomeUnclear, OrderRefused
from events.identifiers import ClientOrderId, Leg
from events.order import RejectionClass, TimeInForce
from events.recommendation import InstrumentType
from stack.alpaca_server.control import AlpacaControl
from tests.alpaca import official
from tests.brokers.contract import (
    NOW,
    BrokerContract,
    StoppedHere,
    WorkingOrdersContract,
    a_request,
    settled,
    stop_here,
)

DEADLINE_S = 2.0
FIRST = ClientOrderId("tiny-1-entry")


def a_broker(alpaca: AlpacaControl, number: str = "PA1") -> AlpacaPaperBroker:
    """Return account `number`, opened at the fake; the exchange stands at `NOW`, MSFT at $100."""
    alpaca.set_time(NOW.isoformat())
    account = alpaca.add_account(number)
    alpaca.quote("MSFT", bid="99.98", ask="100.02")
    return with_key(alpaca, account.key_id, account.secret_key)


def with_key(alpaca: AlpacaControl, key_id: str, secret: str) -> AlpacaPaperBroker:
    keys = Credentials(SecretStr(key_id), SecretStr(secret))
    budget = RateBudget(time.monotonic, time.time)
    return AlpacaPaperBroker(AlpacaHttp(alpaca.url, keys, DEADLINE_S, budget))


@pytest.fixture
def paper(alpaca: AlpacaControl) -> Iterator[AlpacaPaperBroker]:
    """A broker whose every request, and every answer to it, is as Alpaca's documents have it."""
    broker = a_broker(alpaca)
    official.hold(broker.http._session)  # noqa: SLF001 -- it offers no other way in
    yield broker
    broker.http.close()


@pytest.fixture
def unheld(alpaca: AlpacaControl) -> Iterator[AlpacaPaperBroker]:
    """A broker that may be told what no document has."""
    broker = a_broker(alpaca)
    yield broker
    broker.http.close()


class TestPaper(BrokerContract):
    @pytest.fixture
    def broker(self, paper: AlpacaPaperBroker) -> Broker:
        return paper


class TestPaperResting(WorkingOrdersContract):
    @pytest.fixture
    def resting(self, paper: AlpacaPaperBroker, alpaca: AlpacaControl) -> Broker:
        alpaca.quote("MSFT", bid="104.98", ask="105.02")
        return paper


def test_parts_of_a_fill_are_told_as_one_cumulative_total(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    # given: a market that has 4 shares at one price, then 3 at another
    alpaca.quote("MSFT", bid="99.98", ask="100.00", ask_size="4")
    report = paper.submit(a_request())
    alpaca.quote("MSFT", bid="99.98", ask="100.70", ask_size="3")

    # when
    found = settled(paper, report)

    # then: one fill of 7 at their average; each single one is among the activities
    assert found.status is OrderStatus.WORKING
    [total] = found.fills
    assert (total.quantity, total.cumulative_quantity) == (Decimal(7), Decimal(7))
    assert total.price * 7 == pytest.approx(Decimal("702.10"), abs=Decimal("0.00001"))
    assert [
        (fill.quantity, fill.price, fill.cumulative_quantity)
        for order, fill in paper.fills_since(NOW)
        if order == report.broker_order_id
    ] == [
        (Decimal(4), Decimal("100.00"), Decimal(4)),
        (Decimal(3), Decimal("100.70"), Decimal(7)),
    ]


def test_nine_decimals_of_a_quantity_survive_both_ways(paper: AlpacaPaperBroker) -> None:
    amount = Decimal("0.123456789")

    report = settled(paper, paper.submit(a_request(quantity=amount)))

    assert report.quantity == amount
    assert report.fills[-1].cumulative_quantity == amount
    assert paper.positions() == [BrokerPosition(symbol="MSFT", quantity=amount)]


def test_an_order_filled_while_it_was_being_cancelled_is_filled(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    # given: an order that works, at a broker that fills what it is to cancel
    alpaca.quote("MSFT", bid="104.98", ask="105.02")
    report = paper.submit(a_request())
    alpaca.habits(fill_while_cancelling=True)

    # when
    paper.cancel(report.broker_order_id)

    # then
    found = settled(paper, report)
    assert found.status is OrderStatus.FILLED
    assert found.fills[-1].cumulative_quantity == 10


def test_a_cancel_keeps_what_was_filled_before_it(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    alpaca.quote("MSFT", bid="99.98", ask="100.02", ask_size="4")
    report = paper.submit(a_request())

    paper.cancel(report.broker_order_id)

    found = settled(paper, report)
    assert found.status is OrderStatus.CANCELED
    assert found.fills[-1].cumulative_quantity == 4


def test_an_order_that_the_broker_shows_late_is_found_in_the_end(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    assert not paper.ledger_is_final
    paper.submit(a_request())
    alpaca.hide(FIRST, lookups=2)

    looks = [paper.find(FIRST) for _ in range(3)]

    assert [found is None for found in looks] == [True, True, False]


def test_fills_and_orders_are_read_over_all_pages(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    # given: more of both than one page holds, several at the very same time
    orders = 503
    alpaca.rate_limit(100_000)
    for number in range(orders):
        alpaca.strangers_order(
            "PA1",
            symbol="MSFT",
            qty="1",
            side="buy",
            type="market",
            time_in_force="day",
            client_order_id=f"order-{number}",
        )
        if number % 100 == 0:
            alpaca.advance(1)

    # when
    fills = paper.fills_since(NOW)
    found = paper.orders_since(NOW - timedelta(seconds=1))

    # then
    assert len({order for order, _ in fills}) == len(fills) == orders
    assert len({report.client_order_id for report in found}) == len(found) == orders


def test_the_account_tells_its_figures_and_why_it_may_not_trade(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    paper.submit(a_request())

    account = paper.account()

    assert (account.number, account.blocked) == ("PA1", "")
    assert account.cash == Decimal(100000) - 10 * Decimal("100.02")
    assert None not in (account.equity, account.last_equity, account.buying_power)

    alpaca.change_account("PA1", trading_blocked=True)
    assert "trading is blocked" in paper.account().blocked


def test_a_key_that_is_refused_is_no_outage(alpaca: AlpacaControl) -> None:
    unknown = with_key(alpaca, "a-key", "that nobody knows")

    with pytest.raises(CredentialsRefused):
        unknown.account()
    with pytest.raises(OrderRefused) as refusal:
        unknown.submit(a_request())
    assert refusal.value.rejection_class is RejectionClass.CREDENTIALS


def test_an_order_finer_than_a_cent_is_never_sent(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    with pytest.raises(OrderRefused, match="price increments"):
        paper.submit(a_request(limit_price=Decimal("100.005")))

    assert alpaca.posts() == []


def test_one_attempt_is_one_post_whatever_answers_it(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    alpaca.fault("html", status=504, accepts=True)

    with pytest.raises(OrderOutcomeUnclear):
        paper.submit(a_request())

    assert len(alpaca.posts()) == 1
    assert paper.find(FIRST) is not None


def test_an_order_that_is_stopped_on_a_connection_that_stands_already_is_no_post(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    paper.account()

    with pytest.raises(StoppedHere):
        paper.submit(replace(a_request(), last_word=stop_here))

    assert alpaca.posts() == []
    assert paper.account().number == "PA1"


def test_an_option_says_what_it_opens(paper: AlpacaPaperBroker, alpaca: AlpacaControl) -> None:
    symbol = "MSFT220414C00300000"
    alpaca.instrument(symbol)
    alpaca.quote(symbol, bid="5.00", ask="5.10")

    report = settled(
        paper,
        paper.submit(
            a_request(
                symbol=symbol,
                instrument_type=InstrumentType.CALL,
                multiplier=100,
                quantity=Decimal(2),
                limit_price=Decimal("5.20"),
            )
        ),
    )

    assert report.status is OrderStatus.FILLED
    [order] = alpaca.orders("PA1")
    assert order["position_intent"] == "buy_to_open"
    assert paper.positions() == [BrokerPosition(symbol=symbol, quantity=Decimal(2))]


def test_books_hold_everything_that_was_asked_for(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    # given: a holding, an order that works, one that has ended
    alpaca.quote("AAPL", bid="50.00", ask="50.02")
    paper.submit(a_request())
    paper.submit(a_request("tiny-2-entry", symbol="AAPL", limit_price=Decimal(40)))

    # when
    books = paper.books(NOW - timedelta(hours=1), NOW)

    # then
    assert {order.client_order_id: order.status for order in books.orders} == {
        "tiny-1-entry": OrderStatus.FILLED,
        "tiny-2-entry": OrderStatus.WORKING,
    }
    assert books.positions == (BrokerPosition(symbol="MSFT", quantity=Decimal(10)),)
    assert books.account.number == "PA1"
    assert books.asked_at == NOW


def test_orders_of_kinds_that_are_never_ours_hide_no_other(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    # given: an order of ours, and one by notional, which has no quantity, at the same account
    alpaca.quote("AAPL", bid="50.00", ask="50.02")
    paper.submit(a_request())
    alpaca.strangers_order(
        "PA1",
        symbol="AAPL",
        notional="50",
        side="buy",
        type="limit",
        limit_price="40",
        time_in_force="day",
        client_order_id="by-hand",
    )

    # when
    books = paper.books(NOW - timedelta(hours=1), NOW)

    # then
    assert [order.client_order_id for order in books.orders] == [FIRST]
    [unread] = books.unread
    assert (unread.client_order_id, unread.told) == ("by-hand", "new buy $50 of AAPL")
    assert [order.client_order_id for order in paper.orders_since(NOW - timedelta(hours=1))] == [
        FIRST
    ]


def test_an_order_of_several_legs_has_neither_symbol_nor_side_and_is_told_all_the_same(
    unheld: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    several = {
        "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
        "client_order_id": "by-hand",
        "order_class": "mleg",
        "symbol": "",
        "side": "",
        "qty": "1",
        "status": "filled",
        "legs": [],
    }
    alpaca.fault("body", method="GET", body=json.dumps([several]), times=2)

    books = unheld.books(NOW - timedelta(hours=1), NOW)

    [unread] = books.unread
    assert unread.told == "filled mleg 1"


@pytest.mark.parametrize("entry", [{"id": ""}, {"symbol": "AAPL"}, "an order"])
def test_an_order_without_an_id_makes_the_books_unreadable(
    unheld: AlpacaPaperBroker, alpaca: AlpacaControl, entry: object
) -> None:
    alpaca.fault("body", method="GET", body=json.dumps([entry]))

    with pytest.raises(BrokerUnavailable):
        unheld.books(NOW - timedelta(hours=1), NOW)


def a_bracket(**changes: Any) -> OrderRequest:  # noqa: ANN401 -- any field of the terms
    """Return a request to buy 10 shares with a stop at $95 and a target at $110."""
    return a_request(
        stop_loss=Decimal(95),
        take_profit=Decimal("110.00"),
        time_in_force=TimeInForce.GTC,
        **changes,
    )


def test_a_bracket_is_one_post_and_its_legs_are_told_with_it_however_it_is_found(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    report = paper.submit(a_bracket())

    [post] = alpaca.posts()
    sent = json.loads(post["body"])
    assert (sent["order_class"], sent["time_in_force"]) == ("bracket", "gtc")
    assert sent["take_profit"] == {"limit_price": "110"}
    assert sent["stop_loss"] == {"stop_price": "95"}
    told = {leg.leg: leg.report.broker_order_id for leg in report.legs}
    assert told.keys() == {Leg.STOP, Leg.TARGET}
    found = settled(paper, report)
    [listed] = paper.orders_since(NOW - timedelta(seconds=1))
    for again in (found, listed):
        assert {leg.leg: leg.report.broker_order_id for leg in again.legs} == told
    assert {order.broker_order_id for order in paper.open_orders()} == set(told.values())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"quantity": Decimal("1.5")}, "whole shares only"),
        ({"stop_loss": Decimal("95.001")}, "finer than"),
        ({"take_profit": None}, "both a stop and a target"),
        ({"extended_hours": True}, "single limit orders"),
    ],
)
def test_a_bracket_that_the_broker_would_refuse_is_never_sent(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl, changes: dict[str, Any], why: str
) -> None:
    request = a_bracket()

    with pytest.raises(OrderRefused, match=why):
        paper.submit(replace(request, terms=replace(request.terms, **changes)))

    assert alpaca.posts() == []


def test_an_order_for_extended_hours_trades_after_the_close_and_another_waits(
    paper: AlpacaPaperBroker, alpaca: AlpacaControl
) -> None:
    alpaca.set_time("2022-03-16T21:30:00Z")

    late = paper.submit(a_request(extended_hours=True))
    usual = paper.submit(a_request("tiny-2-entry"))

    assert settled(paper, late).status is OrderStatus.FILLED
    assert settled(paper, usual).status is OrderStatus.WORKING
    assert [order["extended_hours"] for order in alpaca.orders("PA1")] == [True, False]
