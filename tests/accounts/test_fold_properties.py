"""What holds for every log, in whatever order, however often each event is told."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.evolve import fold
from accounts.state import ZERO, AccountState
from events import roles
from events.account import AdjustmentKind, CostBasis, IncidentRecorded
from events.catalog import LogEvent
from events.order import OrderIntended, Side
from tests.accounts.naive import assert_books_are_right
from tests.builders import (
    NOW,
    RUN,
    a_cancellation,
    a_decline,
    a_failure,
    a_fill,
    a_halt,
    a_reduction,
    a_rejection,
    a_resend,
    a_resumption,
    an_acceptance,
    an_adjustment,
    an_author,
    an_expiry,
    an_intent,
    an_opening,
    an_option,
    an_unknown_outcome,
)

REPRODUCIBLE: Final = settings(derandomize=True, deadline=None, database=None, max_examples=400)


def life_of(intent: OrderIntended, number: int) -> list[LogEvent]:
    """Return everything that can be told about an intent, sense or not."""
    some = a_fill(intent, 3, 99, fees="0.35")
    more = a_fill(intent, 7, 101, before=some, fees="0.35")
    return [
        intent,
        a_decline(number),
        a_failure(number),
        an_acceptance(intent),
        a_rejection(intent),
        an_unknown_outcome(intent, 1),
        a_resend(intent, 2),
        an_unknown_outcome(intent, 2),
        some,
        more,
        a_fill(intent, 10, 100, before=more),
        a_fill(intent, 11, 100, before=more),
        a_cancellation(intent),
        a_cancellation(intent, 7),
        an_expiry(intent),
    ]


EVENTS: Final[list[LogEvent]] = [
    *life_of(an_intent(1, quantity=10), 1),
    *life_of(an_intent(2, quantity=10, price=130, at=NOW + timedelta(days=1)), 2),
    *life_of(an_intent(3, side=Side.SELL, quantity=10, price=110, closes=True), 3),
    *life_of(an_intent(4, quantity=10, price=5, option=an_option()), 4),
    a_halt(1),
    a_resumption(2),
    a_reduction(3),
    an_adjustment(5, 100, activity="1"),
    an_adjustment(-20, 90, activity="2"),
    an_adjustment(-3, kind=AdjustmentKind.CORPORATE_ACTION, activity="3"),
    an_adjustment(0, activity="4", fees=Decimal(2)),
    IncidentRecorded(
        envelope=an_author().about(f"run:{RUN}", roles.incident("x"), occurred_at=NOW),
        kind="x",
        message="x",
    ),
]
LOGS: Final = st.lists(st.sampled_from(range(len(EVENTS))), max_size=60)


def likely(number: int) -> st.SearchStrategy[list[int]]:
    """Return logs in which an order's life is dense enough to get anywhere."""
    start = number * 15
    return st.lists(st.sampled_from(range(start, start + 15)), min_size=5, max_size=30).map(
        lambda told: [start, *told]
    )


ANY_LOG: Final = (
    LOGS | likely(0) | likely(2) | st.tuples(likely(0), LOGS).map(lambda two: two[0] + two[1])
)


def told(numbers: list[int], cost_basis: CostBasis = CostBasis.AVERAGE) -> AccountState:
    opening = replace(an_opening(), cost_basis=cost_basis)
    return fold([opening, *(EVENTS[number] for number in numbers)])


@REPRODUCIBLE
@given(ANY_LOG)
def test_any_event_twice_is_that_event_once(numbers: list[int]) -> None:
    once = list(dict.fromkeys(numbers))

    assert told(numbers) == told(once)
    assert told([number for number in once for _ in range(2)]) == told(once)
    assert told(once + once) == told(once)


@REPRODUCIBLE
@given(ANY_LOG)
def test_no_money_appears_or_vanishes(numbers: list[int]) -> None:
    state = told(numbers)

    held = sum((position.cost for position in state.positions.values()), ZERO)
    assert state.cash + held - state.realised_pnl + state.fees == 100_000


@REPRODUCIBLE
@given(ANY_LOG)
def test_what_is_kept_as_events_come_equals_what_is_reckoned_anew(numbers: list[int]) -> None:
    assert_books_are_right(told(numbers))
    assert_books_are_right(told(numbers, CostBasis.FIFO))


@REPRODUCIBLE
@given(ANY_LOG)
def test_every_recommendation_ends_at_most_once(numbers: list[int]) -> None:
    state = told(numbers)

    ended = state.ends
    assert min(ended.executed, ended.declined, ended.rejected, ended.expired, ended.failed) >= 0
    open_entries = sum(1 for order in state.orders.values() if order.cumulative_quantity == 0)
    waiting = sum(1 for closed in state.closed_orders.values() if closed.end is None)
    assert ended.total + open_entries + waiting == len(state.decided)


@REPRODUCIBLE
@given(ANY_LOG, ANY_LOG)
def test_folding_on_from_a_state_is_folding_all(first: list[int], then: list[int]) -> None:
    assert fold([EVENTS[number] for number in then], told(first)) == told(first + then)
