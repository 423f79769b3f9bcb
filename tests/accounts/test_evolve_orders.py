"""The life of orders, and what they do to their account, one event after the other."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from accounts.evolve import evolve, fold
from accounts.state import AccountState, Ends, OrderStatus
from events.catalog import LogEvent
from events.identifiers import RecommendationId
from events.order import OrderIntended, Side
from tests.builders import NOW, OPTION_SYMBOL, a_decline, a_failure, an_account, an_option, these
from tests.order_builders import (
    a_cancellation,
    a_fill,
    a_rejection,
    a_resend,
    an_acceptance,
    an_expiry,
    an_intent,
    an_unknown_outcome,
)

INTENT = an_intent(quantity=10, price=100)
ID = INTENT.terms.client_order_id


def order_status(state: AccountState) -> OrderStatus:
    [order] = state.orders.values()
    return order.status


def test_an_intent_is_unresolved_and_reserves_its_worst_price() -> None:
    state = an_account(INTENT)

    assert [order.client_order_id for order in state.unresolved()] == [ID]
    assert these(state.exposure, state.cash, state.open_position_count) == (1_010, 100_000, 1)
    assert state.is_decided(RecommendationId(1))
    assert these(state.next_recommendation_offset, state.clock_at) == (2, NOW)


def test_the_first_decision_about_a_recommendation_wins() -> None:
    state = an_account(INTENT)

    assert evolve(state, a_decline(1)) == state
    assert evolve(state, an_intent(1, quantity=99)) == state


def test_an_accepted_order_is_resolved_but_still_reserves() -> None:
    state = an_account(INTENT, an_acceptance(INTENT))

    assert state.unresolved() == ()
    assert state.exposure == 1_010


def test_an_acceptance_under_another_broker_order_id_is_an_incident() -> None:
    twin = replace(an_acceptance(INTENT), broker_order_id="another")

    state = an_account(INTENT, an_acceptance(INTENT), twin)

    assert state.incidents == 1


def test_a_fill_before_the_acceptance_is_legal() -> None:
    state = an_account(INTENT, a_fill(INTENT, 4), an_acceptance(INTENT))

    assert order_status(state) is OrderStatus.ACCEPTED
    assert these(state.positions["MSFT"].quantity, state.incidents) == (4, 0)


def test_partial_fills_move_reserve_into_holdings() -> None:
    first = a_fill(INTENT, 4, price=99)
    state = an_account(INTENT, an_acceptance(INTENT), first)

    assert state.exposure == 4 * 99 + 6 * 101
    assert state.cash == 100_000 - 4 * 99
    assert state.ends == Ends(executed=1)

    state = evolve(state, a_fill(INTENT, 10, price=100, before=first, fees="1.50"))

    assert not state.orders
    assert state.exposure == 4 * 99 + 6 * 100
    assert state.cash == Decimal(100_000) - 996 - Decimal("1.50")
    assert these(state.ends, state.fees) == (Ends(executed=1), Decimal("1.50"))
    assert state.peak_exposure == 1_010


def test_a_lost_fill_is_made_good_by_the_next_ones_cumulative_quantity() -> None:
    lost = a_fill(INTENT, 4, price=99)
    later = a_fill(INTENT, 10, price=101, before=lost)

    state = an_account(INTENT, later, lost)

    assert state.positions["MSFT"].quantity == 10
    assert state.positions["MSFT"].cost == 4 * 99 + 6 * 101


def test_an_options_contract_counts_a_hundred_times() -> None:
    intent = an_intent(quantity=2, price=5, option=an_option())

    assert an_account(intent).exposure == 2 * 6 * 100
    filled = an_account(intent, a_fill(intent, price=5))
    assert these(filled.exposure, filled.cash) == (1_000, 99_000)
    assert filled.positions[OPTION_SYMBOL].average_price == 5


def test_a_closing_order_reserves_nothing_and_realises() -> None:
    sale = an_intent(2, side=Side.SELL, quantity=10, price=110, closes=True)
    state = an_account(INTENT, a_fill(INTENT, price=100), sale)

    assert state.exposure == 1_000
    sold = evolve(state, a_fill(sale, price=110))
    assert these(sold.exposure, sold.realised_pnl, sold.cash) == (0, 100, 100_100)
    assert not sold.positions


def test_equity_follows_the_prices_seen_last() -> None:
    other = an_intent(2, price=120)
    state = an_account(INTENT, a_fill(INTENT, price=100), other)

    assert these(state.open_pnl, state.equity) == (200, 100_200)


@pytest.mark.parametrize(
    ("event", "ends"),
    [
        (a_rejection(INTENT), Ends(rejected=1)),
        (a_cancellation(INTENT), Ends(expired=1)),
        (an_expiry(INTENT), Ends(expired=1)),
        (a_failure(1), Ends(failed=1)),
    ],
    ids=["rejected", "cancelled", "expired", "failed"],
)
def test_an_end_without_a_fill_gives_the_reserve_back(event: LogEvent, ends: Ends) -> None:
    state = an_account(INTENT, event)

    assert these(state.exposure, state.orders, state.ends) == (0, {}, ends)
    assert evolve(state, event) == state


@pytest.mark.parametrize(
    "events",
    [
        (a_rejection(INTENT), a_cancellation(INTENT)),
        (a_cancellation(INTENT), a_failure(1)),
        (a_failure(1), a_rejection(INTENT)),
        (a_failure(1), an_acceptance(INTENT)),
        (a_fill(INTENT), a_failure(1)),
        (a_fill(INTENT, 1), a_failure(1)),
        (an_acceptance(INTENT), a_failure(1)),
        (a_fill(INTENT, 1), a_rejection(INTENT)),
        (a_rejection(INTENT), a_fill(INTENT)),
        (a_rejection(INTENT), a_resend(INTENT)),
    ],
)
def test_a_second_end_is_an_incident_and_changes_nothing_else(
    events: tuple[LogEvent, LogEvent],
) -> None:
    first, second = events
    before = an_account(INTENT, first)

    after = fold([second, second], before)

    assert after.incidents == 1
    assert replace(after, incidents=0, applied=before.applied) == before


def test_a_decline_then_a_failure_is_a_second_end() -> None:
    state = an_account(a_decline(1), a_failure(1))

    assert these(state.ends, state.incidents) == (Ends(declined=1), 1)


def test_a_fill_after_a_cancel_counts_once_and_corrects_the_end() -> None:
    late = a_fill(INTENT, 3)
    state = an_account(INTENT, a_cancellation(INTENT), late, late)

    assert state.positions["MSFT"].quantity == 3
    assert these(state.ends, state.incidents, state.reserved) == (Ends(executed=1), 0, 0)


def test_a_cancel_that_tells_of_fills_not_seen_yet_is_no_end() -> None:
    state = an_account(INTENT, a_cancellation(INTENT, 10))
    assert state.ends == Ends()

    state = evolve(state, a_fill(INTENT))

    assert these(state.ends, len(state.closed_orders)) == (Ends(executed=1), 0)
    assert evolve(state, a_cancellation(INTENT, 10)) == state


@pytest.mark.parametrize("end", [a_cancellation, an_expiry])
def test_what_had_filled_by_the_brokers_word_holds_its_exposure_until_its_fills_are_told(
    end: Callable[[OrderIntended, int], LogEvent],
) -> None:
    # given: 2 of 10 filled at $100, at worst $101
    before = an_account(INTENT, a_fill(INTENT, 2))

    # when: the broker says that 7 had
    state = evolve(before, end(INTENT, 7))

    # then: 5 may cost their worst price yet, and none of the 3 that never came
    assert these(state.reserved, state.exposure) == (505, 705)
    assert state.inbound_order("MSFT") == INTENT.terms.client_order_id
    some = a_fill(INTENT, 2)
    more = a_fill(INTENT, 4, before=some)
    last = a_fill(INTENT, 7, before=more)
    assert evolve(state, more).exposure == 400 + 303
    told = fold([more, last], state)
    assert these(told.reserved, told.exposure, told.inbound_order("MSFT")) == (0, 700, None)
    assert these(told.ends, told.incidents) == (Ends(executed=1), 0)


def test_a_position_counts_before_the_first_of_its_fills_is_told() -> None:
    state = an_account(INTENT, a_cancellation(INTENT, 7))

    assert these(state.open_position_count, state.exposure) == (1, 707)
    assert state.is_open("MSFT")
    assert evolve(state, a_fill(INTENT, 7)).open_position_count == 1


def test_an_exit_that_had_filled_by_the_brokers_word_is_not_sold_twice() -> None:
    sale = an_intent(2, side=Side.SELL, quantity=10, closes=True)
    state = an_account(INTENT, a_fill(INTENT), sale, a_cancellation(sale, 7))

    assert these(state.closing_quantity("MSFT"), state.reserved) == (7, 0)
    assert evolve(state, a_fill(sale, 7)).closing_quantity("MSFT") == 0


def test_a_broker_that_says_more_had_filled_than_was_ordered_is_believed_to_the_order() -> None:
    assert an_account(INTENT, a_cancellation(INTENT, 99)).exposure == 1_010


def test_a_fill_after_failed_is_an_incident_and_moves_no_position() -> None:
    fill = a_fill(INTENT)
    state = an_account(INTENT, a_failure(1), fill, fill)

    assert these(state.positions, state.cash, state.incidents) == ({}, 100_000, 1)
    assert state.ends == Ends(failed=1)


@pytest.mark.parametrize(
    "fill",
    [
        a_fill(an_intent(9)),
        a_fill(INTENT, 11),
        replace(a_fill(INTENT), side=Side.SELL),
        replace(a_fill(INTENT), symbol="AAPL"),
        replace(a_fill(INTENT), multiplier=100),
        replace(a_fill(INTENT), cumulative_notional=Decimal(0)),
    ],
    ids=["nobody's", "too much", "other side", "other symbol", "other multiplier", "for nothing"],
)
def test_a_fill_that_is_not_the_orders_is_an_incident(fill: LogEvent) -> None:
    state = an_account(INTENT, fill)

    assert these(state.positions, state.incidents) == ({}, 1)


def test_an_unknown_outcome_keeps_the_reserve_until_it_is_resolved() -> None:
    state = an_account(INTENT, an_unknown_outcome(INTENT))

    assert order_status(state) is OrderStatus.UNKNOWN
    assert these(len(state.unresolved()), state.exposure, state.ends.total) == (1, 1_010, 0)
    assert evolve(state, an_acceptance(INTENT)).unresolved() == ()


def test_a_resend_is_the_same_order_once_more() -> None:
    again = a_resend(INTENT, 2)
    state = an_account(INTENT, an_unknown_outcome(INTENT), again)

    [order] = state.orders.values()
    assert these(order.status, order.attempts) == (OrderStatus.INTENDED, 2)
    assert order.submit_before == again.submit_before
    assert evolve(state, an_unknown_outcome(INTENT, 1)) == state
    assert state.exposure == 1_010


def test_news_of_an_attempt_that_was_never_announced_is_an_incident() -> None:
    state = an_account(INTENT, an_unknown_outcome(INTENT, 2))

    assert these(order_status(state), state.incidents) == (OrderStatus.INTENDED, 1)


def test_resending_an_accepted_order_is_an_incident() -> None:
    assert an_account(INTENT, an_acceptance(INTENT), a_resend(INTENT)).incidents == 1


def test_an_intent_of_nothing_is_an_incident() -> None:
    nothing = an_intent(quantity=0)

    assert an_account(nothing).incidents == 1
    assert not an_account(nothing).orders
