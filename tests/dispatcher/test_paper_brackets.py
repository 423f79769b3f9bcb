"""Stops and targets that the broker holds: ours by their entry, booked once, one ends the other."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from events.account import AccountHalted, AccountReconciled, IncidentRecorded
from events.catalog import LogEvent
from events.command import CommandKind
from events.identifiers import AccountName, Leg
from events.order import OrderCanceled, OrderFilled, OrderIntended
from stack.alpaca_server.control import AlpacaControl
from tests.dispatcher.commands import command
from tests.dispatcher.paper import QUICK, Desk, a_desk, advice, looks, until
from tests.dispatcher.world import World, intents

OFTEN = f"{QUICK}reconcile_interval_ms = 300\n"
TARGET = Decimal("110.009")
"""Of the advice; a cent's fraction is rounded towards the entry."""


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    with a_desk(world, alpaca) as desk:
        yield desk


def open_account(desk: Desk, brackets: str = "GTC") -> AccountName:
    return desk.open_account(tuning=OFTEN, limits=f'brackets = "{brackets}"')


def of_leg(events: list[LogEvent], leg: Leg) -> list[str]:
    return [type(event).__name__ for event in events if event.envelope.leg is leg]


def legs_accepted(events: list[LogEvent]) -> bool:
    return all("OrderAccepted" in of_leg(events, leg) for leg in (Leg.STOP, Leg.TARGET))


def legs_over(events: list[LogEvent]) -> bool:
    ends = {"OrderFilled", "OrderCanceled"}
    return all(ends & set(of_leg(events, leg)) for leg in (Leg.STOP, Leg.TARGET))


def nothing_is_amiss(desk: Desk, account: AccountName) -> None:
    """Assert that looking at the books once more finds the broker's equal to ours."""
    seen = looks(desk)
    until(lambda: looks(desk) >= seen + 3)
    events = desk.world.log(account)
    assert [e for e in events if isinstance(e, AccountHalted | IncidentRecorded)] == []
    assert [
        e.differences for e in events if isinstance(e, AccountReconciled) and e.differences
    ] == []


@pytest.mark.parametrize(
    ("bid", "leg", "other"),
    [
        pytest.param("111", Leg.TARGET, Leg.STOP, id="target"),
        pytest.param("94.50", Leg.STOP, Leg.TARGET, id="stop"),
    ],
)
def test_the_broker_closes_the_position_at_the_leg_that_is_reached(
    desk: Desk, bid: str, leg: Leg, other: Leg
) -> None:
    # given: an entry with both, filled
    account = open_account(desk)
    with desk.running(account):
        desk.publish(advice(1, target=TARGET))
        desk.world.await_log(account, legs_accepted)
        nothing_is_amiss(desk, account)

        # when
        desk.alpaca.quote("MSFT", bid=bid, ask="111.50")
        events = desk.world.await_log(account, legs_over)
        nothing_is_amiss(desk, account)

    # then: one POST, one fill on each side, both under the recommendation's name
    [intent] = intents(events)
    assert intent.exits == "the broker holds stop 95 and target 110"
    assert len(desk.alpaca.posts()) == 1
    fills = [event for event in events if isinstance(event, OrderFilled)]
    assert [(fill.envelope.leg, fill.side) for fill in fills] == [
        (Leg.ENTRY, "BUY"),
        (leg, "SELL"),
    ]
    assert {fill.cumulative_quantity for fill in fills} == {intent.terms.quantity}
    assert fills[1].price == Decimal(bid)
    assert of_leg(events, other) == ["OrderAccepted", "OrderCanceled"]
    state = desk.world.state(account)
    assert (dict(state.positions), dict(state.orders), state.incidents) == ({}, {}, 0)
    assert state.ends.executed == state.ends.total == 1
    assert state.realised_pnl == (Decimal(bid) - Decimal("100.02")) * intent.terms.quantity


def test_a_leg_that_fills_while_nobody_looks_is_booked_by_the_next_who_does(desk: Desk) -> None:
    # given: a bracket at work, and a dispatcher that has stopped
    account = open_account(desk)
    with desk.running(account):
        desk.publish(advice(1, target=TARGET))
        desk.world.await_log(account, legs_accepted)

    # when: the target is reached meanwhile
    desk.alpaca.quote("MSFT", bid="111", ask="111.50")
    with desk.running(account):
        desk.world.await_log(account, legs_over)
        nothing_is_amiss(desk, account)

    # then
    assert dict(desk.world.state(account).positions) == {}
    assert len(desk.alpaca.posts()) == 1


def test_a_leg_that_is_rejected_when_a_part_of_it_had_filled_keeps_that_part(desk: Desk) -> None:
    # given: a target of which 5 have filled, as the log knows
    account = open_account(desk)
    with desk.running(account):
        desk.publish(advice(1, target=TARGET))
        desk.world.await_log(account, legs_accepted)
        desk.alpaca.quote("MSFT", bid="111", ask="111.50", bid_size="5")
        desk.world.await_log(account, lambda events: "OrderFilled" in of_leg(events, Leg.TARGET))

        # when
        [target] = [order for order in desk.orders(account) if order["leg"] == "take_profit"]
        desk.alpaca.finish(desk.numbers[account], target["client_order_id"], "rejected")
        events = desk.world.await_log(
            account, lambda events: "OrderCanceled" in of_leg(events, Leg.TARGET)
        )

    # then: the rest is over, and nothing is strange
    assert of_leg(events, Leg.TARGET) == ["OrderAccepted", "OrderFilled", "OrderCanceled"]
    assert desk.world.state(account).incidents == 0


@pytest.mark.parametrize("manner", ["doubled", "lost"])
def test_a_leg_counts_once_however_it_is_told(desk: Desk, manner: Any) -> None:  # noqa: ANN401 -- of the fake
    account = open_account(desk)
    desk.alpaca.stream_manner(manner)
    with desk.running(account):
        desk.publish(advice(1, target=TARGET))
        desk.world.await_log(account, legs_accepted)
        desk.alpaca.quote("MSFT", bid="110.00", ask="110.50", bid_size="7")
        desk.alpaca.quote("MSFT", bid="94.00", ask="94.50")
        desk.world.await_log(account, legs_over)
        nothing_is_amiss(desk, account)

    # then: 7 at the target, the rest at the stop
    events = desk.world.log(account)
    [intent] = intents(events)
    sold = [event for event in events if isinstance(event, OrderFilled) and event.side == "SELL"]
    assert sum(fill.quantity for fill in sold) == intent.terms.quantity
    assert {(fill.envelope.leg, fill.price) for fill in sold} == {
        (Leg.TARGET, Decimal(110)),
        (Leg.STOP, Decimal(94)),
    }
    assert dict(desk.world.state(account).orders) == {}


def test_an_answer_that_is_lost_is_adopted_with_its_legs(desk: Desk) -> None:
    account = open_account(desk)
    desk.alpaca.stream_manner("lost")
    desk.alpaca.fault("reset", accepts=True)

    with desk.running(account):
        desk.publish(advice(1, target=TARGET))
        events = desk.world.await_log(account, legs_accepted)
        nothing_is_amiss(desk, account)

    assert len(desk.alpaca.posts()) == 1
    assert "OrderOutcomeUnknown" in of_leg(events, Leg.ENTRY)


def test_a_refused_entry_takes_its_legs_with_it(desk: Desk) -> None:
    account = open_account(desk)
    desk.alpaca.instrument("MSFT", tradable=False)

    with desk.running(account):
        desk.publish(advice(1, target=TARGET))
        events = desk.world.await_log(account, legs_over)
        nothing_is_amiss(desk, account)

    assert desk.story(account, 1) == [
        "OrderIntended",
        "OrderRejected",
        "OrderCanceled",
        "OrderCanceled",
    ]
    state = desk.world.state(account)
    assert (dict(state.orders), state.ends.rejected, state.incidents) == ({}, 1, 0)
    assert [event.cumulative_quantity for event in events if isinstance(event, OrderCanceled)] == [
        0,
        0,
    ]


def test_cancelling_what_is_open_cancels_stop_and_target(desk: Desk) -> None:
    account = open_account(desk)
    with desk.running(account):
        desk.publish(advice(1, target=TARGET))
        desk.world.await_log(account, legs_accepted)

        command(desk.world, account, CommandKind.CANCEL_OPEN)
        events = desk.world.await_log(account, legs_over)

    assert of_leg(events, Leg.STOP)[-1] == of_leg(events, Leg.TARGET)[-1] == "OrderCanceled"
    assert {order["status"] for order in desk.orders(account)} == {"filled", "canceled"}
    state = desk.world.state(account)
    assert dict(state.orders) == {}
    assert list(state.positions) == ["MSFT"]


@pytest.mark.parametrize(
    ("brackets", "changes", "why"),
    [
        pytest.param("OFF", {"target": TARGET}, "", id="not asked for"),
        pytest.param("DAY", {"target": None}, "names no target", id="no target"),
        pytest.param("DAY", {"target": Decimal(101)}, "do not lie around 101", id="too near"),
    ],
)
def test_what_cannot_be_a_bracket_goes_without_and_says_so(
    desk: Desk, brackets: str, changes: dict[str, Any], why: str
) -> None:
    account = open_account(desk, brackets)
    with desk.running(account):
        desk.publish(advice(1, **changes))
        desk.world.await_ends(account, 1)

    [intent] = [event for event in desk.world.log(account) if isinstance(event, OrderIntended)]
    assert why in intent.exits
    assert bool(why) is intent.exits.startswith("no bracket: ")
    assert len(desk.orders(account)) == 1
