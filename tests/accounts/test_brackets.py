"""Stop and target of an entry: when they go to the broker, at which prices, and when not."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.decide import decide
from accounts.evolve import fold
from accounts.limits import LARGE, Brackets, Limits
from accounts.state import AccountState, OrderStatus
from events.decision import RecommendationDeclined
from events.identifiers import Leg
from events.order import OrderIntended, Side, TimeInForce
from events.recommendation import Action, RecommendationIssued
from tests.builders import NOW, a_call, a_context, a_market, a_recommendation, an_account
from tests.order_builders import (
    a_bracket,
    a_cancellation,
    a_fill,
    a_rejection,
    an_acceptance,
    the_leg,
)

ASKED = replace(LARGE, brackets=Brackets.GTC)
AROUND = {"stop": Decimal("95.001"), "target": Decimal("110.009")}
LATE = NOW + timedelta(hours=6)
"""17:00 in New York."""


def intended(advice: RecommendationIssued, limits: Limits = ASKED, **changes: Any) -> OrderIntended:  # noqa: ANN401 -- any field of the context
    open_all_day = replace(limits, disabled_gates=frozenset({"trading_hours"}))
    context = a_context(**changes)
    answer = decide(
        an_account(), advice, a_market(5 if advice.option else 100), open_all_day, context
    )
    assert isinstance(answer, OrderIntended)
    return answer


def test_stop_and_target_go_to_the_broker_in_its_increments() -> None:
    intent = intended(a_recommendation(**AROUND))

    terms = intent.terms
    assert (terms.stop_loss, terms.take_profit) == (Decimal("95.01"), Decimal("110.00"))
    assert terms.time_in_force is TimeInForce.GTC
    assert intent.exits == "the broker holds stop 95.01 and target 110"


def test_a_short_sale_has_its_stop_above_and_its_target_below() -> None:
    short = replace(ASKED, allow_shorting=True)
    advice = a_recommendation(action=Action.SELL, stop=Decimal("105.009"), target=Decimal("90.001"))

    terms = intended(advice, short).terms

    assert (terms.stop_loss, terms.take_profit) == (Decimal("105.00"), Decimal("90.01"))
    state = an_account(intended(advice, short))
    assert {leg.terms.side for leg in state.legs_of(_name(state))} == {Side.BUY}


def _name(state: AccountState) -> Any:  # noqa: ANN401 -- the entry's name
    return next(order.parent for order in state.orders.values() if order.parent is not None)


@pytest.mark.parametrize(
    ("advice", "limits", "why"),
    [
        (a_recommendation(**AROUND), LARGE, ""),
        (a_recommendation(stop=None), ASKED, ""),
        (a_recommendation(), ASKED, "no bracket: the advice names no target, and"),
        (
            a_recommendation(**AROUND | {"stop": None}),
            ASKED,
            "no bracket: the advice names no stop",
        ),
        (a_call(target=Decimal(9)), ASKED, "no bracket: the broker holds none for options"),
        (a_recommendation(stop=Decimal(95), target=Decimal(101)), ASKED, "no bracket: stop 95 and"),
        (
            a_recommendation(**AROUND),
            replace(ASKED, fractional_shares=True, max_order_notional=Decimal(150)),
            "no bracket: 1.485148514 are no whole shares",
        ),
    ],
    ids=["not asked", "neither", "no target", "no stop", "option", "too near", "fraction"],
)
def test_what_cannot_be_a_bracket_goes_without_and_says_why(
    advice: RecommendationIssued, limits: Limits, why: str
) -> None:
    intent = intended(advice, limits)

    assert (intent.terms.stop_loss, intent.terms.take_profit) == (None, None)
    assert intent.terms.time_in_force is TimeInForce.DAY
    assert intent.exits.startswith(why)
    assert bool(intent.exits) is bool(why)


def test_outside_the_session_an_order_works_in_extended_hours_and_without_a_bracket() -> None:
    limits = replace(ASKED, extended_hours=frozenset({"swing_trade"}))
    late = a_recommendation(**AROUND, issued_at=LATE, bar_at=LATE, features_at=LATE)

    intent, by_day = intended(late, limits, now=LATE), intended(a_recommendation(**AROUND), limits)

    assert intent.terms.extended_hours
    assert intent.exits == ("no bracket: the broker takes none outside the exchange's own hours")
    assert (by_day.terms.extended_hours, by_day.terms.stop_loss) == (False, Decimal("95.01"))
    assert not intended(late, ASKED, now=LATE).terms.extended_hours


def test_a_bracket_waits_reserves_nothing_and_covers_what_is_held_once() -> None:
    bracket = a_bracket()

    state = an_account(bracket)
    assert {order.leg: order.status for order in state.orders.values()} == {
        Leg.ENTRY: OrderStatus.INTENDED,
        Leg.STOP: OrderStatus.WAITING,
        Leg.TARGET: OrderStatus.WAITING,
    }
    assert state.reserved == 10 * 101
    assert [one.leg for one in state.unresolved()] == [Leg.ENTRY]
    assert (state.open_position_count, state.day and state.day.orders) == (1, 1)

    held = an_account(bracket, an_acceptance(bracket), a_fill(bracket))
    assert held.closing_quantity("MSFT") == 10
    assert held.ends.executed == 1


def test_the_leg_that_fills_closes_the_position_and_is_no_second_end() -> None:
    bracket = a_bracket()
    target = the_leg(bracket, Leg.TARGET)

    state = an_account(
        bracket, an_acceptance(bracket), a_fill(bracket), a_fill(target, price=110), a_fill(target)
    )

    assert dict(state.positions) == {}
    assert state.realised_pnl == 100
    assert (state.ends.total, state.incidents) == (1, 0)
    assert [order.leg for order in state.orders.values()] == [Leg.STOP]


def test_a_rejected_entry_leaves_its_legs_to_events_of_their_own() -> None:
    bracket = a_bracket()

    state = an_account(bracket, a_rejection(bracket))

    assert {order.leg for order in state.orders.values()} == {Leg.STOP, Leg.TARGET}
    assert state.closing_quantity("MSFT") == 10


@pytest.mark.parametrize(("over", "open_leg"), [(Leg.STOP, Leg.TARGET), (Leg.TARGET, Leg.STOP)])
def test_what_is_held_is_sold_by_nothing_else_while_either_leg_is_open(
    over: Leg, open_leg: Leg
) -> None:
    """The broker cancels a leg whose other leg has filled: the cancel may be heard of first."""
    bracket = a_bracket()
    open_one = the_leg(bracket, open_leg)

    state = an_account(
        bracket, an_acceptance(bracket), a_fill(bracket), a_cancellation(the_leg(bracket, over))
    )
    advice = a_recommendation(recommendation_id=2, action=Action.SELL)
    answer = decide(state, advice, a_market(), ASKED, a_context(offset=2))

    assert state.closing_quantity("MSFT") == 10
    assert isinstance(answer, RecommendationDeclined)
    assert answer.declined_by == ("order_size",)
    after = fold([a_fill(open_one)], state)
    assert (dict(after.positions), dict(after.closing)) == ({}, {})


def test_a_leg_that_has_filled_by_the_brokers_word_alone_holds_what_it_sold() -> None:
    bracket = a_bracket()
    stop, target = the_leg(bracket, Leg.STOP), the_leg(bracket, Leg.TARGET)

    state = an_account(
        bracket,
        an_acceptance(bracket),
        a_fill(bracket),
        a_cancellation(stop),
        a_cancellation(target, 4),
    )

    assert state.closing_quantity("MSFT") == 4
    assert fold([a_fill(target, 4)], state).closing_quantity("MSFT") == 0
