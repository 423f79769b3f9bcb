"""New orders wait while the account's requests run out; look-ups keep their share."""

import pytest

from brokers.alpaca.rate import (
    KEPT_FREE,
    LIMIT,
    RESET_WITHIN_S,
    TURNED_AWAY_S,
    WINDOW_S,
    RateBudget,
)
from tests.clocks import HandMovedClock


@pytest.fixture
def clock() -> HandMovedClock:
    return HandMovedClock(1_000.0)


@pytest.fixture
def budget(clock: HandMovedClock) -> RateBudget:
    return RateBudget(clock.elapsed_s, clock.elapsed_s)


def test_a_fresh_account_may_order_but_leaves_room_for_look_ups(budget: RateBudget) -> None:
    assert budget.orders_free() == (LIMIT - KEPT_FREE) // 2


def test_our_own_requests_count_even_where_the_broker_says_nothing(
    budget: RateBudget, clock: HandMovedClock
) -> None:
    for _ in range(LIMIT):
        budget.sending()
    assert budget.orders_free() == 0

    clock.seconds += WINDOW_S

    assert budget.orders_free() == (LIMIT - KEPT_FREE) // 2


def test_the_brokers_count_holds_until_its_reset(budget: RateBudget, clock: HandMovedClock) -> None:
    budget.told(
        {
            "x-ratelimit-limit": "200",
            "x-ratelimit-remaining": str(KEPT_FREE + 3),
            "x-ratelimit-reset": "1030",
        }
    )
    assert budget.orders_free() == 1

    clock.seconds = 1030.0

    assert budget.orders_free() > 1


def test_a_reply_that_was_overtaken_gives_nothing_back(budget: RateBudget) -> None:
    for remaining in ("50", "60"):
        budget.told({"x-ratelimit-remaining": remaining, "x-ratelimit-reset": "1030"})

    assert budget.orders_free() == (50 - KEPT_FREE) // 2


def test_who_was_turned_away_orders_nothing_until_the_reset(
    budget: RateBudget, clock: HandMovedClock
) -> None:
    budget.exhausted({"x-ratelimit-reset": "1010"})
    assert budget.orders_free() == 0

    clock.seconds = 1010.0

    assert budget.orders_free() > 0


def test_who_was_turned_away_without_a_reset_asks_again_in_a_moment(
    budget: RateBudget, clock: HandMovedClock
) -> None:
    budget.told({"x-ratelimit-remaining": "100", "x-ratelimit-reset": "1060"})
    budget.exhausted({})
    assert (budget.orders_free(), budget.requests_free()) == (0, 0)

    clock.seconds += TURNED_AWAY_S

    assert budget.orders_free() > 0


@pytest.mark.parametrize("odd", ["", "-1", "many", "1.5", "１２"])  # noqa: RUF001 -- a digit that is none of ASCII's
def test_odd_headers_say_nothing(budget: RateBudget, odd: str) -> None:
    before = budget.orders_free()

    budget.told({"x-ratelimit-remaining": odd, "x-ratelimit-reset": odd})

    assert budget.orders_free() == before


def test_questions_and_cancels_go_on_where_new_orders_wait(budget: RateBudget) -> None:
    for _ in range(LIMIT - KEPT_FREE):
        budget.sending()

    assert (budget.orders_free(), budget.requests_free()) == (0, KEPT_FREE)


def test_a_reset_that_is_days_away_is_not_believed(
    budget: RateBudget, clock: HandMovedClock
) -> None:
    budget.told({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "999999999999"})
    assert budget.requests_free() == 0

    clock.seconds += RESET_WITHIN_S

    assert budget.requests_free() == LIMIT
