"""The gates that stop everything."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from immutables import Map

from accounts.calendar import NEW_YORK
from accounts.limits import LARGE, TINY, Limits
from accounts.state import AccountState
from events.catalog import LogEvent
from events.decision import Verdict
from events.recommendation import Action, StrategyType
from tests.accounts.asking import (
    DECLINED,
    HOLDING,
    NOT_APPLICABLE,
    PASSED,
    SELL,
    ask,
    given,
    verdict,
)
from tests.builders import (
    NOW,
    a_call,
    a_halt,
    a_market,
    a_recommendation,
    a_reduction,
    a_resumption,
    an_account,
    an_option,
)
from tests.order_builders import a_cancellation, a_fill, an_acceptance, an_intent


@pytest.mark.parametrize(
    ("events", "buying", "selling_what_is_held"),
    [
        ((), PASSED, PASSED),
        ((a_halt(),), DECLINED, DECLINED),
        ((a_reduction(),), DECLINED, PASSED),
        ((a_halt(1), a_resumption(2)), PASSED, PASSED),
    ],
    ids=["active", "halted", "reduced", "resumed"],
)
def test_account_active(
    events: tuple[LogEvent, ...], buying: Verdict, selling_what_is_held: Verdict
) -> None:
    state = an_account(*HOLDING, *events)

    assert verdict("account_active", given(a_recommendation(ticker="AAPL"), state=state)) is buying
    assert verdict("account_active", given(SELL, state=state)) is selling_what_is_held


def test_a_reduced_account_sells_nothing_short() -> None:
    assert verdict("account_active", given(SELL, state=an_account(a_reduction()))) is DECLINED


def test_a_halt_says_who_and_why() -> None:
    result = ask("account_active", given(state=an_account(a_halt())))

    assert (result.reason, result.observed) == ("halted by an operator: lunch", "HALTED")


def test_an_account_that_was_never_opened_trades_nothing() -> None:
    assert verdict("account_active", given(state=AccountState())) is DECLINED


def at(hour: int, minute: int = 0, second: int = 0, day: int = 16) -> datetime:
    """Return a time in New York on a day of March 2022, in summer time."""
    return datetime(2022, 3, day, 4, minute, second, tzinfo=UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("now", "entry", "exit_"),
    [
        (at(9, 29, 59), DECLINED, DECLINED),
        (at(9, 30), DECLINED, PASSED),
        (at(9, 34, 59), DECLINED, PASSED),
        (at(9, 35), PASSED, PASSED),
        (at(14, 59, 59), PASSED, PASSED),
        (at(15), DECLINED, PASSED),
        (at(15, 59, 59), DECLINED, PASSED),
        (at(16), DECLINED, DECLINED),
        (at(11, day=19), DECLINED, DECLINED),
    ],
)
def test_trading_hours_of_a_swing_trade(now: datetime, entry: Verdict, exit_: Verdict) -> None:
    assert verdict("trading_hours", given(now=now)) is entry
    assert verdict("trading_hours", given(SELL, state=an_account(*HOLDING), now=now)) is exit_


@pytest.mark.parametrize(
    ("strategy", "last", "limits"),
    [
        (StrategyType.DAY_TRADE, 14, LARGE),
        (StrategyType.SWING_TRADE, 15, LARGE),
        (StrategyType.CONSERVATIVE, 16, LARGE),
        (StrategyType.DAY_TRADE, 13, TINY),
        (StrategyType.SWING_TRADE, 14, TINY),
    ],
)
def test_each_strategy_has_its_cut_off(strategy: StrategyType, last: int, limits: Limits) -> None:
    advice = a_recommendation(strategy_type=strategy)
    before = given(advice, limits=limits, now=at(last) - timedelta(microseconds=1))

    assert verdict("trading_hours", before) is PASSED
    assert verdict("trading_hours", given(advice, limits=limits, now=at(last))) is DECLINED


@pytest.mark.parametrize(("minute", "expected"), [(59, PASSED), (60, DECLINED)])
def test_a_half_day_ends_at_one_for_everyone(minute: int, expected: Verdict) -> None:
    now = datetime(2022, 11, 25, 17, tzinfo=UTC) + timedelta(minutes=minute)

    assert verdict("trading_hours", given(now=now)) is expected
    assert verdict("trading_hours", given(SELL, state=an_account(*HOLDING), now=now)) is expected


EXPIRY = datetime(2022, 3, 18, tzinfo=UTC).date()
HALF_DAY = datetime(2022, 11, 25, tzinfo=UTC).date()


@pytest.mark.parametrize(
    ("now", "expiry", "expected"),
    [
        (at(15, 29, 59, day=18), EXPIRY, PASSED),
        (at(15, 30, day=18), EXPIRY, DECLINED),
        (at(15, 30, day=17), EXPIRY, PASSED),
        (datetime(2022, 11, 25, 17, 29, 59, tzinfo=UTC), HALF_DAY, PASSED),
        (datetime(2022, 11, 25, 17, 30, tzinfo=UTC), HALF_DAY, DECLINED),
    ],
)
def test_an_option_is_not_entered_in_the_last_half_hour_of_its_last_day(
    now: datetime, expiry: date, expected: Verdict
) -> None:
    option = an_option(expiry=expiry)
    entry = a_call(strategy_type=StrategyType.CONSERVATIVE, option=option)
    bought = an_intent(901, quantity=1, price=5, option=option)
    held = an_account(bought, a_fill(bought, 1, 5))
    exit_ = a_call(action=Action.SELL, option=option)

    assert verdict("trading_hours", given(entry, market=a_market(5), now=now)) is expected
    leaving = given(exit_, state=held, market=a_market(5), now=now)
    assert verdict("trading_hours", leaving) is PASSED


def test_a_holiday_is_named_closed() -> None:
    result = ask("trading_hours", given(now=datetime(2022, 7, 4, 15, tzinfo=UTC)))

    assert (result.verdict, result.reason) == (DECLINED, "the exchange is closed all day")
    assert result.observed == "2022-07-04 11:00:00 New York"


def test_duplicate_position_passes_what_is_neither_held_nor_ordered() -> None:
    state = an_account(*HOLDING)

    assert verdict("duplicate_position", given(a_recommendation(ticker="AAPL"), state=state)) is (
        PASSED
    )


def test_duplicate_position_declines_what_is_held() -> None:
    assert verdict("duplicate_position", given(state=an_account(*HOLDING))) is DECLINED


def test_duplicate_position_declines_what_is_on_its_way_in_until_that_is_cancelled() -> None:
    order = an_intent(900)
    working = an_account(order, an_acceptance(order))

    assert verdict("duplicate_position", given(state=working)) is DECLINED
    cancelled = an_account(order, a_cancellation(order))
    assert verdict("duplicate_position", given(state=cancelled)) is PASSED


def test_duplicate_position_tells_a_contract_from_its_stock() -> None:
    contract = an_intent(901, price=5, option=an_option())
    stock, option = an_account(*HOLDING), an_account(contract, an_acceptance(contract))

    assert verdict("duplicate_position", given(a_call(), state=stock)) is PASSED
    assert verdict("duplicate_position", given(a_call(), state=option)) is DECLINED
    assert verdict("duplicate_position", given(state=option)) is PASSED


def test_duplicate_position_fails_closed_without_a_contract() -> None:
    assert verdict("duplicate_position", given(a_call(option=None))) is DECLINED


def test_duplicate_position_has_nothing_against_an_exit() -> None:
    asked = given(SELL, state=an_account(*HOLDING), market=a_market(), now=NOW)

    assert verdict("duplicate_position", asked) is NOT_APPLICABLE
    assert asked.draft.closes


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(3, 59, 59), DECLINED),
        (at(4), PASSED),
        (at(19, 59, 59), PASSED),
        (at(20), DECLINED),
        (at(11, day=19), DECLINED),
        (datetime(2022, 11, 25, 21, 59, 59, tzinfo=UTC), PASSED),  # a half day, until 17:00
        (datetime(2022, 11, 25, 22, tzinfo=UTC), DECLINED),
    ],
)
def test_a_strategy_that_may_trades_before_the_open_and_after_the_close(
    now: datetime, expected: Verdict
) -> None:
    swing = frozenset({"swing_trade"})
    limits = replace(LARGE, extended_hours=swing, opening_minutes_blocked=0, entry_cutoff=Map())

    assert verdict("trading_hours", given(limits=limits, now=now)) is expected
    others = a_recommendation(strategy_type=StrategyType.CONSERVATIVE)
    outside = not 9 < now.astimezone(NEW_YORK).hour < 13
    if outside:
        assert verdict("trading_hours", given(others, limits=limits, now=now)) is DECLINED
        assert verdict("trading_hours", given(a_call(), limits=limits, now=now)) is DECLINED


def test_a_fraction_is_not_sold_after_the_close() -> None:
    limits = replace(LARGE, extended_hours=frozenset({"swing_trade"}))
    bought = an_intent(quantity="2.5")
    state = an_account(bought, a_fill(bought))

    after = given(SELL, state=state, limits=limits, now=at(17))

    assert verdict("trading_hours", after) is DECLINED
