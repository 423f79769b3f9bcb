"""What the broker tells by itself: each fill once, however it comes; new orders wait for room."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from events.catalog import LogEvent
from events.identifiers import AccountName
from events.order import OrderAccepted, OrderFilled
from stack.alpaca_server.control import AlpacaControl
from stack.alpaca_server.faults import Manner
from tests.dispatcher.paper import Desk, a_desk, advice, until
from tests.dispatcher.world import World, ends, intents


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    with a_desk(world, alpaca) as desk:
        yield desk


@contextmanager
def a_working_order(desk: Desk) -> Iterator[tuple[AccountName, str, str]]:
    """Yield an account, its number and the id of an order of 24 that nobody can look up."""
    account = desk.open_account()
    desk.alpaca.habits(fill_after_ms=None)
    look_up = "/v2/orders:by_client_order_id"
    desk.alpaca.fault("html", status=503, method="GET", path=look_up, times=None)
    number, name = desk.numbers[account], f"{account}-1-entry"
    with desk.running(account):
        until(lambda: desk.alpaca.listeners(number))
        desk.publish(advice(1))
        desk.world.await_log(account, lambda events: accepted(events) is not None)
        yield account, number, name


def accepted(events: list[LogEvent]) -> OrderAccepted | None:
    return next((event for event in events if isinstance(event, OrderAccepted)), None)


def fills(events: list[LogEvent]) -> list[tuple[Decimal, Decimal]]:
    """Return (quantity, cumulative quantity) of each fill."""
    return [
        (event.quantity, event.cumulative_quantity)
        for event in events
        if isinstance(event, OrderFilled)
    ]


def filled_whole(desk: Desk, account: AccountName) -> list[tuple[Decimal, Decimal]]:
    """Return the fills as soon as the order is filled whole."""
    events = desk.world.await_log(
        account, lambda events: bool(fills(events)) and fills(events)[-1][1] == 24
    )
    assert desk.world.state(account).positions["MSFT"].quantity == 24
    assert ends(events) == {1: 1}
    return fills(events)


@pytest.mark.parametrize("manner", ["usual", "doubled"])
def test_a_fill_is_heard_of_without_asking_and_counted_once(desk: Desk, manner: Manner) -> None:
    desk.alpaca.stream_manner(manner)
    with a_working_order(desk) as (account, number, name):
        desk.alpaca.fill(number, name, qty="3.000000001", price="100.01")
        desk.world.await_log(account, lambda events: bool(fills(events)))
        desk.alpaca.fill(number, name, price="100.02")

        assert filled_whole(desk, account) == [
            (Decimal("3.000000001"), Decimal("3.000000001")),
            (Decimal("20.999999999"), Decimal(24)),
        ]


def test_updates_that_come_backwards_add_up(desk: Desk) -> None:
    with a_working_order(desk) as (account, number, name):
        desk.alpaca.stream_manner("held")
        for quantity in ("3", "4", "17"):
            desk.alpaca.fill(number, name, qty=quantity)
        desk.alpaca.release_stream(backwards=True)

        assert sum(quantity for quantity, _ in filled_whole(desk, account)) == 24


def test_a_fill_while_the_stream_was_dead_is_asked_for_after_it(desk: Desk) -> None:
    with a_working_order(desk) as (account, number, name):
        # given: a fill that no update told of
        desk.alpaca.stream_manner("lost")
        desk.alpaca.fill(number, name)

        # when
        desk.alpaca.drop_streams(number, abruptly=True)

        # then
        assert filled_whole(desk, account) == [(Decimal(24), Decimal(24))]


def test_an_update_of_a_kind_that_nobody_knows_is_survived(desk: Desk) -> None:
    with a_working_order(desk) as (account, number, name):
        desk.alpaca.send_update(number, {"event": "trade_bust", "execution_id": "1"})
        desk.alpaca.send_update(number, {"event": "restated", "order": {"id": 7}})
        desk.alpaca.fill(number, name)

        assert filled_whole(desk, account) == [(Decimal(24), Decimal(24))]


def test_an_update_that_overtakes_the_answer_to_its_post_waits_for_it(desk: Desk) -> None:
    account = desk.open_account()
    desk.alpaca.fault("usual", accepts=True, delay_ms=200)

    with desk.running(account):
        until(lambda: desk.alpaca.listeners(desk.numbers[account]))
        desk.publish(advice(1))
        events = desk.world.await_ends(account, 1)

    assert desk.story(account, 1) == ["OrderIntended", "OrderAccepted", "OrderFilled"]
    answer = accepted(events)
    assert answer is not None
    assert not answer.adopted


def test_a_seat_that_is_given_up_listens_no_more(desk: Desk) -> None:
    account = desk.open_account()

    with desk.running(account):
        until(lambda: desk.alpaca.listeners(desk.numbers[account]))

    until(lambda: not desk.alpaca.listeners(desk.numbers[account]))


def test_new_orders_wait_for_room_and_provoke_no_refusal(desk: Desk) -> None:
    # given: a broker that takes so few requests a minute that hardly an order fits
    limits = "max_open_positions = 100\nmax_notional_exposure = 90000"
    account = desk.open_account(limits=limits)
    desk.alpaca.rate_limit(54)
    desk.publish(*(advice(number, ticker=f"T{number}") for number in range(1, 15)))
    for number in range(1, 15):
        desk.alpaca.quote(f"T{number}", bid="99.98", ask="100.02")

    # when
    with capture_logs() as lines, desk.running(account):
        until(lambda: any(line["event"] == "waiting_for_the_rate_budget" for line in lines))

    # then: those that wait are not decided yet, and nobody was turned away
    events = desk.world.log(account)
    assert len(desk.orders(account)) == len(intents(events)) < 14
    assert {request["status"] for request in desk.alpaca.requests()} <= {200, 204}
    assert desk.world.state(account).unresolved() == ()
