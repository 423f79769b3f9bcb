"""The gates over the whole account and over one ticker."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

import pytest

from accounts.gates import GateInput
from accounts.limits import LARGE, Limits
from accounts.sizing import free_power
from events.catalog import LogEvent
from events.decision import Verdict
from events.order import OrderIntended, Side
from tests.accounts.asking import (
    DECLINED,
    HOLDING,
    NOT_APPLICABLE,
    PASSED,
    SELL,
    a_reconciliation,
    ask,
    given,
    verdict,
)
from tests.builders import NOW, a_call, a_failure, a_market, a_recommendation, an_account, an_option
from tests.order_builders import (
    a_cancellation,
    a_fill,
    a_rejection,
    an_acceptance,
    an_intent,
    an_unknown_outcome,
)

BROUGHT: Final = an_intent(7, "AAPL", side=Side.SELL, quantity=10)
"""A short sale of $1,000."""


def test_max_open_positions_counts_what_is_held_and_what_is_on_its_way_in() -> None:
    held, working, unknown = an_intent(901, "A"), an_intent(902, "B"), an_intent(903, "C")
    state = an_account(
        held,
        a_fill(held),
        working,
        an_acceptance(working),
        a_fill(working, 3),
        unknown,
        an_unknown_outcome(unknown),
    )
    four, three = (replace(LARGE, max_open_positions=n) for n in (4, 3))

    assert verdict("max_open_positions", given(state=state, limits=four)) is PASSED
    result = ask("max_open_positions", given(state=state, limits=three))
    assert (result.verdict, result.observed) == (DECLINED, "4 with this one")
    assert result.threshold == "at most 3"


def test_max_open_positions_counts_a_symbol_once() -> None:
    one = replace(LARGE, max_open_positions=1)

    assert verdict("max_open_positions", given(state=an_account(*HOLDING), limits=one)) is PASSED


def test_max_open_positions_forgets_what_was_rejected_cancelled_or_failed() -> None:
    a, b = an_intent(1, "A"), an_intent(2, "B")
    state = an_account(a, b, an_intent(3, "C"), a_rejection(a), a_cancellation(b), a_failure(3))
    one = replace(LARGE, max_open_positions=1)

    assert verdict("max_open_positions", given(state=state, limits=one)) is PASSED


@pytest.mark.parametrize("gate", ["max_open_positions", "max_notional_exposure"])
def test_closing_orders_pass_the_gates_over_the_account(gate: str) -> None:
    none = replace(LARGE, max_open_positions=0, max_notional_exposure=Decimal(1))

    asked = given(SELL, state=an_account(*HOLDING), limits=none)
    assert verdict(gate, asked) is NOT_APPLICABLE


@pytest.mark.parametrize(
    ("limit", "expected"), [("3010", PASSED), ("3009.99", PASSED), ("1110.99", DECLINED)]
)
def test_max_notional_exposure_counts_holdings_orders_and_this_one_at_its_worst(
    limit: str, expected: Verdict
) -> None:
    waiting = an_intent(901, "AAPL", price=100)  # ten at 101 at worst
    limits = replace(LARGE, max_notional_exposure=Decimal(limit))

    asked = given(state=an_account(waiting), limits=limits)

    assert verdict("max_notional_exposure", asked) is expected


def test_max_notional_exposure_at_the_boundary() -> None:
    exactly = replace(LARGE, max_notional_exposure=Decimal(101))  # one share at worst

    assert verdict("max_notional_exposure", given(limits=exactly)) is PASSED
    less = replace(exactly, max_notional_exposure=Decimal("100.99"))
    result = ask("max_notional_exposure", given(limits=less))
    assert (result.verdict, result.observed) == (DECLINED, "$101.00 with this order")
    assert result.threshold == "at most $100.99"


def test_max_notional_exposure_declines_an_order_that_sizing_made_too_big() -> None:
    asked = given()
    too_big = replace(asked, sized=replace(asked.sized, quantity=Decimal(100)))

    assert verdict("max_notional_exposure", too_big) is DECLINED


@pytest.mark.parametrize("asked", [given(no_market=True), given(a_call(option=None))])
def test_max_notional_exposure_fails_closed_without_a_price(asked: GateInput) -> None:
    assert verdict("max_notional_exposure", asked) is DECLINED


@pytest.mark.parametrize(("entries", "expected"), [(1, PASSED), (2, DECLINED), (3, DECLINED)])
def test_ticker_daily_limit(entries: int, expected: Verdict) -> None:
    state = an_account(*(an_intent(900 + n) for n in range(entries)))

    assert verdict("ticker_daily_limit", given(state=state)) is expected
    other = given(a_recommendation(ticker="AAPL"), state=state)
    assert verdict("ticker_daily_limit", other) is PASSED
    tomorrow = given(state=state, now=NOW + timedelta(days=1))
    assert verdict("ticker_daily_limit", tomorrow) is PASSED


def test_ticker_daily_limit_stays_closed_when_the_clock_goes_back_a_day() -> None:
    state = an_account(an_intent(901), an_intent(902))

    asked = given(state=state, now=NOW - timedelta(days=1))
    assert verdict("ticker_daily_limit", asked) is DECLINED


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, DECLINED), (899.999, DECLINED), (900, PASSED), (-1, DECLINED)],
)
def test_ticker_cooldown(seconds: float, expected: Verdict) -> None:
    now = NOW + timedelta(seconds=seconds)

    assert verdict("ticker_cooldown", given(state=an_account(an_intent(900)), now=now)) is expected


def test_ticker_cooldown_also_follows_an_exit() -> None:
    sale = an_intent(901, side=Side.SELL, closes=True, at=NOW + timedelta(minutes=20))
    state = an_account(*HOLDING, sale, a_fill(sale))

    asked = given(state=state, now=NOW + timedelta(minutes=30))
    result = ask("ticker_cooldown", asked)
    assert (result.verdict, result.observed) == (DECLINED, "10.0 minutes")


def test_ticker_cooldown_is_of_no_concern_to_a_ticker_never_ordered() -> None:
    assert verdict("ticker_cooldown", given(state=an_account(an_intent(900, "AAPL")))) is PASSED


@pytest.mark.parametrize("gate", ["ticker_daily_limit", "ticker_cooldown"])
def test_an_exit_is_never_held_back_by_how_often_or_how_soon(gate: str) -> None:
    never = replace(LARGE, ticker_daily_limit=0)
    result = ask(gate, given(SELL, state=an_account(*HOLDING), limits=never))

    assert (result.verdict, result.reason) == (
        NOT_APPLICABLE,
        "an exit is never held back by this",
    )


def test_unresolved_intent_blocks_the_ticker_for_entries_and_exits_alike() -> None:
    contract = an_intent(901, price=5, option=an_option())
    intended = an_account(*HOLDING, contract)
    unknown = an_account(*HOLDING, contract, an_unknown_outcome(contract))

    for state in (intended, unknown):
        assert verdict("unresolved_intent", given(state=state)) is DECLINED
        assert verdict("unresolved_intent", given(SELL, state=state)) is DECLINED
        other = given(a_recommendation(ticker="AAPL"), state=state)
        assert verdict("unresolved_intent", other) is PASSED


@pytest.mark.parametrize("resolve", [an_acceptance, a_rejection, a_cancellation, a_fill])
def test_unresolved_intent_passes_once_the_outcome_is_known(
    resolve: Callable[[OrderIntended], LogEvent],
) -> None:
    order = an_intent(900)

    state = an_account(order, resolve(order))
    assert verdict("unresolved_intent", given(state=state, market=a_market())) is PASSED


@pytest.mark.parametrize(("cash", "expected"), [(101, PASSED), (100, DECLINED), (0, DECLINED)])
def test_buying_power_is_the_cash_at_the_worst_price(cash: int, expected: Verdict) -> None:
    exactly = replace(LARGE, max_order_notional=Decimal(101))  # one share at worst

    asked = given(state=an_account(starting_cash=cash), limits=exactly)

    assert verdict("buying_power", asked) is expected


def test_buying_power_is_without_what_orders_on_their_way_may_cost() -> None:
    state = an_account(an_intent(900, "AAPL", quantity=9), starting_cash=1_009)  # 909 of it

    result = ask("buying_power", given(state=state, limits=replace(LARGE, max_contracts=1)))

    assert (result.verdict, result.threshold) == (DECLINED, "at most $100.00")


def test_what_a_short_sale_brought_in_buys_nothing_and_ties_up_as_much_again() -> None:
    # given: $1,000 of a short sale in a cash of $3,000
    state = an_account(BROUGHT, a_fill(BROUGHT), starting_cash=2_000)
    assert state.cash == 3_000

    # then: of the $2,000 that were there, $1,000 may be spent, as after a purchase
    assert free_power(state) == 1_000
    bought = an_intent(7, "AAPL", quantity=10)
    assert free_power(an_account(bought, a_fill(bought), starting_cash=2_000)) == 1_000


def test_a_short_sale_takes_the_same_before_its_fill_and_gives_it_back_once_covered() -> None:
    cover = an_intent(8, "AAPL", quantity=10, closes=True)

    assert free_power(an_account(BROUGHT, starting_cash=2_000)) == 990  # at its worst price
    covered = an_account(BROUGHT, a_fill(BROUGHT), cover, a_fill(cover), starting_cash=2_000)
    assert free_power(covered) == 2_000


@pytest.mark.parametrize(("power", "expected"), [(101, PASSED), (100, DECLINED)])
def test_buying_power_is_no_more_than_the_brokers(power: int, expected: Verdict) -> None:
    state = an_account(a_reconciliation(buying_power=power))

    assert verdict("buying_power", given(state=state)) is expected


def test_buying_power_asks_nothing_of_an_exit_and_fails_closed_without_a_price() -> None:
    poor = an_account(*HOLDING, starting_cash=1_000)

    assert verdict("buying_power", given(SELL, state=poor)) is NOT_APPLICABLE
    assert verdict("buying_power", given(no_market=True)) is DECLINED


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (LARGE, PASSED),
        (replace(LARGE, restricted_tickers=frozenset({"MSFT"})), DECLINED),
        (replace(LARGE, restricted_tickers=frozenset({"AAPL"})), PASSED),
        (replace(LARGE, allowed_tickers=frozenset({"MSFT", "AAPL"})), PASSED),
        (replace(LARGE, allowed_tickers=frozenset({"AAPL"})), DECLINED),
    ],
)
def test_restricted_tickers_are_left_but_not_entered(limits: Limits, expected: Verdict) -> None:
    assert verdict("restricted_tickers", given(limits=limits)) is expected
    assert verdict("restricted_tickers", given(a_call(), limits=limits)) is expected
    leaving = given(SELL, state=an_account(*HOLDING), limits=limits)
    assert verdict("restricted_tickers", leaving) is NOT_APPLICABLE
