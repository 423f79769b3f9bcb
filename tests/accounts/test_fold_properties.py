"""What holds for every log, in whatever order, however often each event is told."""

from typing import Final

from hypothesis import given, settings

from accounts.evolve import fold
from accounts.state import ZERO
from events.account import CostBasis
from events.identifiers import Leg
from tests.accounts.histories import ANY_LOG, EVENTS, told
from tests.accounts.naive import assert_books_are_right

REPRODUCIBLE: Final = settings(derandomize=True, deadline=None, database=None, max_examples=400)


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
    entries = [order for order in state.orders.values() if order.leg is Leg.ENTRY]
    open_entries = sum(1 for order in entries if order.cumulative_quantity == 0)
    over = [closed for closed in state.closed_orders.values() if closed.leg is Leg.ENTRY]
    waiting = sum(1 for closed in over if closed.end is None)
    assert ended.total + open_entries + waiting == len(state.decided)


@REPRODUCIBLE
@given(ANY_LOG, ANY_LOG)
def test_folding_on_from_a_state_is_folding_all(first: list[int], then: list[int]) -> None:
    assert fold([EVENTS[number] for number in then], told(first)) == told(first + then)
