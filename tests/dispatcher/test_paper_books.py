"""Our books held against the broker's while trading: what differs halts, what is equal is quiet."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.state import TradingStatus
from consumers.clock import SystemClock
from events.account import (
    AccountHalted,
    AccountReconciled,
    AdjustmentKind,
    IncidentRecorded,
    PositionAdjusted,
)
from events.catalog import LogEvent
from events.recommendation import InstrumentType
from stack.alpaca_server.control import AlpacaControl
from tests.builders import an_option
from tests.dispatcher.paper import QUICK, Desk, a_desk, advice, looks, until
from tests.dispatcher.world import World, ends

OFTEN = f"{QUICK}reconcile_interval_ms = 300\n"


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    with a_desk(world, alpaca) as desk:
        yield desk


def looked(events: list[LogEvent]) -> list[AccountReconciled]:
    return [event for event in events if isinstance(event, AccountReconciled)]


def halts(events: list[LogEvent]) -> list[AccountHalted]:
    return [event for event in events if isinstance(event, AccountHalted)]


def test_equal_books_are_told_once_with_the_brokers_figures(desk: Desk) -> None:
    account = desk.open_account(tuning=OFTEN)

    with desk.running(account):
        until(lambda: looks(desk) >= 4)

    [told] = looked(desk.world.log(account))
    assert told.differences == ()
    assert (told.broker_cash, told.broker_last_equity) == (Decimal(100_000), Decimal(100_000))
    broker = desk.world.state(account).broker
    assert broker is not None
    assert broker.buying_power == told.broker_buying_power


def test_an_account_goes_on_trading_while_its_books_are_looked_at(desk: Desk) -> None:
    account = desk.open_account(tuning=OFTEN)

    with desk.running(account):
        desk.publish(advice(1), advice(2, ticker="AAPL"))
        desk.world.await_ends(account, 1, 2)
        seen = looks(desk)
        until(lambda: looks(desk) >= seen + 3)

    events = desk.world.log(account)
    assert halts(events) == []
    assert [told.differences for told in looked(events)] == [()]
    assert desk.story(account, 1) == ["OrderIntended", "OrderAccepted", "OrderFilled"]


def test_a_holding_that_is_not_ours_halts_before_the_first_order(desk: Desk) -> None:
    # given: shares at the broker that nobody of us bought
    account = desk.open_account(tuning=OFTEN)
    desk.alpaca.hold(desk.numbers[account], "TSLA", "7", "200")
    desk.publish(advice(1))

    # when
    with desk.running(account):
        events = desk.world.await_ends(account, 1)

    # then
    [told] = looked(events)
    assert told.differences == ("the broker holds 7 of TSLA, our log 0",)
    [halt] = halts(events)
    assert "our books are not the broker's: the broker holds 7 of TSLA" in halt.reason
    assert desk.story(account, 1) == ["RecommendationDeclined"]
    assert desk.alpaca.posts() == []


@pytest.mark.parametrize("amount", [{"qty": "1"}, {"notional": "50"}], ids=["shares", "notional"])
def test_an_order_that_is_not_ours_halts_the_account(desk: Desk, amount: dict[str, str]) -> None:
    account = desk.open_account(tuning=OFTEN)

    with desk.running(account):
        desk.alpaca.strangers_order(
            desk.numbers[account],
            symbol="AAPL",
            **amount,
            side="buy",
            type="limit",
            limit_price="50",
            time_in_force="day",
            client_order_id="by-hand",
        )
        events = desk.world.await_log(account, lambda events: bool(halts(events)))

    assert "is not ours" in looked(events)[-1].differences[0]
    assert desk.orders(account)[0]["status"] == "new"


def test_an_account_trades_on_beside_what_is_not_its_own_where_it_says_so(desk: Desk) -> None:
    # given: an account that shares its place at the broker with somebody
    at = """on_foreign_orders = "REPORT"
on_foreign_positions = "REPORT"
"""
    account = desk.open_account(tuning=OFTEN, at=at)
    desk.alpaca.hold(desk.numbers[account], "TSLA", "7", "200")
    desk.alpaca.strangers_order(
        desk.numbers[account],
        symbol="AAPL",
        qty="1",
        side="buy",
        type="limit",
        limit_price="50",
        time_in_force="day",
        client_order_id="by-hand",
    )

    # when
    with desk.running(account):
        desk.world.await_log(account, lambda events: bool(looked(events)))
        desk.publish(advice(1))
        events = desk.world.await_ends(account, 1)

    # then: it is told, and nothing of it is touched
    assert len(looked(events)[-1].differences) == 2
    assert halts(events) == []
    assert desk.story(account, 1) == ["OrderIntended", "OrderAccepted", "OrderFilled"]
    by_hand = [one for one in desk.orders(account) if one["client_order_id"] == "by-hand"]
    assert [one["status"] for one in by_hand] == ["new"]


def test_a_difference_that_is_settled_is_told_as_such(desk: Desk) -> None:
    account = desk.open_account(tuning=OFTEN)
    desk.alpaca.hold(desk.numbers[account], "TSLA", "7", "200")

    with desk.running(account):
        desk.world.await_log(account, lambda events: bool(halts(events)))
        desk.alpaca.hold(desk.numbers[account], "TSLA", "0", "200")
        events = desk.world.await_log(account, lambda events: len(looked(events)) == 2)

    assert looked(events)[-1].differences == ()
    assert len(halts(events)) == 1
    assert desk.world.state(account).trading.status is TradingStatus.HALTED


def test_an_order_that_shows_up_after_it_had_failed_is_an_incident_and_its_fill_is_booked(
    desk: Desk,
) -> None:
    # given: an order that the broker hides until its advice is too old to send again
    account = desk.open_account(tuning=OFTEN, limits="recommendation_freshness_seconds = 6")
    desk.alpaca.fault("reset", accepts=True)
    desk.alpaca.hide(seconds=60)
    desk.alpaca.fault("html", status=503, method="GET", path="/v2/orders", times=None)

    # when
    with desk.running(account):
        desk.publish(advice(1))
        desk.world.await_ends(account, 1)
        desk.alpaca.clear_faults()
        events = desk.world.await_log(account, lambda events: bool(adjusted(events)))
        seen = looks(desk)
        until(lambda: looks(desk) >= seen + 3)

    # then: one end, one incident, one halt, and the shares that are held
    events = desk.world.log(account)
    assert "RecommendationFailed" in desk.story(account, 1)
    assert ends(events) == {1: 1}
    assert [event.kind for event in events if isinstance(event, IncidentRecorded)] == ["order-late"]
    assert len(halts(events)) == 1
    [booked] = adjusted(events)
    assert booked.kind is AdjustmentKind.LATE_FILL
    assert str(desk.world.state(account).positions["MSFT"].quantity) == str(booked.quantity_change)
    assert Decimal(desk.orders(account)[0]["filled_qty"]) == booked.quantity_change
    assert [told.differences for told in looked(events) if told.differences] == []


def adjusted(events: list[LogEvent]) -> list[PositionAdjusted]:
    return [event for event in events if isinstance(event, PositionAdjusted)]


def test_an_option_that_expires_leaves_the_books_once(desk: Desk) -> None:
    # given: a contract that was bought
    account = desk.open_account(tuning=OFTEN)
    expiry = (SystemClock().now() + timedelta(days=20)).date()
    symbol = f"MSFT{expiry:%y%m%d}C00105000"
    desk.alpaca.instrument(symbol, open_interest="5000")
    desk.alpaca.quote(symbol, bid="4.95", ask="5.05", volume="5000")
    named = an_option(symbol=symbol, strike=Decimal(105), expiry=expiry)
    desk.publish(advice(1, instrument_type=InstrumentType.CALL, option=named, stop=None))

    # when
    with desk.running(account):
        desk.world.await_ends(account, 1)
        desk.alpaca.settle_option(desk.numbers[account], symbol, "OPEXP")
        events = desk.world.await_log(account, lambda events: bool(adjusted(events)))
        seen = looks(desk)
        until(lambda: looks(desk) >= seen + 3)

    # then
    events = desk.world.log(account)
    [expired] = adjusted(events)
    assert expired.kind is AdjustmentKind.EXPIRY
    assert symbol not in desk.world.state(account).positions
    assert halts(events) == []


@pytest.mark.parametrize(
    ("how", "right", "kind"),
    [
        pytest.param("OPEXC", "C", AdjustmentKind.EXERCISE, id="exercised call"),
        pytest.param("OPASN", "P", AdjustmentKind.ASSIGNMENT, id="assigned put"),
    ],
)
def test_an_option_that_becomes_shares_changes_both_holdings_once(
    desk: Desk, how: str, right: str, kind: AdjustmentKind
) -> None:
    # given: a contract that was bought
    account = desk.open_account(tuning=OFTEN)
    expiry = (SystemClock().now() + timedelta(days=20)).date()
    symbol = f"MSFT{expiry:%y%m%d}{right}00105000"
    desk.alpaca.instrument(symbol, open_interest="5000")
    desk.alpaca.quote(symbol, bid="4.95", ask="5.05", volume="5000")
    named = an_option(symbol=symbol, strike=Decimal(105), expiry=expiry)
    instrument = InstrumentType.CALL if right == "C" else InstrumentType.PUT
    desk.publish(advice(1, instrument_type=instrument, option=named, stop=None))

    # when
    with desk.running(account):
        desk.world.await_ends(account, 1)
        contracts = desk.world.state(account).positions[symbol].quantity
        desk.alpaca.settle_option(desk.numbers[account], symbol, how)
        desk.world.await_log(account, lambda events: len(adjusted(events)) == 2)
        seen = looks(desk)
        until(lambda: looks(desk) >= seen + 3)

    # then: 100 shares a contract came (or went short) at the strike
    events = desk.world.log(account)
    assert [event.kind for event in adjusted(events)] == [kind, kind]
    shares = contracts * 100 * (1 if right == "C" else -1)
    held = desk.world.state(account).positions
    assert [(one.symbol, one.quantity, one.average_price) for one in held.values()] == [
        ("MSFT", shares, Decimal(105))
    ]
    assert halts(events) == []
    assert [told.differences for told in looked(events) if told.differences] == []


def test_books_that_cannot_be_had_stop_no_trading(desk: Desk) -> None:
    account = desk.open_account(tuning=OFTEN)
    desk.alpaca.fault("html", status=503, method="GET", path="/v2/positions", times=None)
    desk.publish(advice(1))

    with desk.running(account):
        events = desk.world.await_ends(account, 1)

    assert desk.story(account, 1) == ["OrderIntended", "OrderAccepted", "OrderFilled"]
    assert looked(events) == []


def test_a_key_that_is_withdrawn_between_orders_halts_the_account(desk: Desk) -> None:
    account = desk.open_account(tuning=OFTEN)

    with desk.running(account):
        until(lambda: looks(desk))
        unauthorized = '{"message":"unauthorized."}'
        desk.alpaca.fault(
            "body", status=401, body=unauthorized, method="GET", path="/v2/account", times=None
        )
        [halt] = halts(desk.world.await_log(account, lambda events: bool(halts(events))))

    assert "refuses our credentials" in halt.reason
