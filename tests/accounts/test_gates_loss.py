"""The gates that stop entries when the day, or the whole market, goes badly."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.evolve import fold
from accounts.limits import LARGE, TINY
from events.decision import Verdict
from events.recommendation import StrategyType
from tests.accounts.asking import (
    DECLINED,
    HOLDING,
    NOT_APPLICABLE,
    PASSED,
    SELL,
    a_day_that_lost,
    a_reconciliation,
    ask,
    given,
    verdict,
)
from tests.builders import NOW, a_market, a_recommendation, an_account
from tests.order_builders import a_fill, an_intent


@pytest.mark.parametrize(("lost", "expected"), [(0, PASSED), (499, PASSED), (500, DECLINED)])
def test_daily_loss_limit_counts_what_was_lost_by_selling(lost: int, expected: Verdict) -> None:
    asked = given(state=a_day_that_lost(lost))

    result = ask("daily_loss_limit", asked)

    assert result.verdict is expected
    assert result.observed == ("$0.00 today" if not lost else f"-${lost}.00 today")
    assert result.threshold == "a loss below $500.00"


def test_daily_loss_limit_is_a_share_of_the_days_first_equity_where_that_is_less() -> None:
    limits = replace(LARGE, max_daily_loss_share=Decimal("0.001"))

    result = ask("daily_loss_limit", given(state=a_day_that_lost(100), limits=limits))

    assert (result.verdict, result.threshold) == (DECLINED, "a loss below $100.00")
    assert verdict("daily_loss_limit", given(state=a_day_that_lost(99), limits=limits)) is PASSED


def test_daily_loss_limit_counts_what_is_held_at_the_price_that_this_decision_sees() -> None:
    bought = an_intent(900, quantity=100)
    state = an_account(bought, a_fill(bought, 100, 100))

    at_94 = given(a_recommendation(), state=state, market=a_market(94))
    at_96 = given(a_recommendation(), state=state, market=a_market(96))

    assert ask("daily_loss_limit", at_94).observed == "-$600.00 today"
    assert verdict("daily_loss_limit", at_94) is DECLINED
    assert verdict("daily_loss_limit", at_96) is PASSED


def test_daily_loss_limit_forgets_yesterdays_loss() -> None:
    state = a_day_that_lost(5_000, at=NOW - timedelta(days=1))

    assert verdict("daily_loss_limit", given(state=state)) is PASSED


@pytest.mark.parametrize(
    ("ours", "equity", "expected"),
    [(0, 99_500, DECLINED), (0, 99_501, PASSED), (500, 101_000, DECLINED), (499, 101_000, PASSED)],
)
def test_daily_loss_limit_takes_the_worse_of_our_figure_and_the_brokers(
    ours: int, equity: int, expected: Verdict
) -> None:
    told = a_reconciliation(equity=equity, last_equity=100_000)
    state = fold([told], a_day_that_lost(ours))

    result = ask("daily_loss_limit", given(state=state))

    assert result.verdict is expected
    assert "the broker's: " in result.observed


def test_daily_loss_limit_leaves_out_what_the_broker_said_on_another_day() -> None:
    told = a_reconciliation(NOW - timedelta(days=1), equity=1, last_equity=100_000)

    assert verdict("daily_loss_limit", given(state=an_account(told))) is PASSED


def test_daily_loss_limit_lets_an_exit_end_the_loss() -> None:
    asked = given(SELL, state=an_account(*HOLDING), market=a_market(1))

    assert verdict("daily_loss_limit", asked) is NOT_APPLICABLE


@pytest.mark.parametrize(("vix", "expected"), [("40", PASSED), ("40.01", DECLINED)])
def test_vix_regime(vix: str, expected: Verdict) -> None:
    result = ask("vix_regime", given(a_recommendation(vix=Decimal(vix))))

    assert (result.verdict, result.observed) == (expected, vix)
    assert result.threshold == "at most 40"


def test_vix_regime_fails_closed_without_a_figure_or_a_threshold() -> None:
    assert verdict("vix_regime", given(a_recommendation(vix=None))) is DECLINED
    unset = replace(LARGE, vix_max=LARGE.vix_max.delete(StrategyType.SWING_TRADE))
    assert verdict("vix_regime", given(limits=unset)) is DECLINED


def test_vix_regime_differs_by_account_and_strategy() -> None:
    wild = a_recommendation(vix=Decimal(35))
    assert verdict("vix_regime", given(wild)) is PASSED
    assert verdict("vix_regime", given(wild, limits=TINY)) is DECLINED
    calmer = LARGE.vix_max.set(StrategyType.SWING_TRADE, Decimal(34))
    assert verdict("vix_regime", given(wild, limits=replace(LARGE, vix_max=calmer))) is DECLINED


def test_vix_regime_is_no_reason_to_keep_a_position() -> None:
    panic = replace(SELL, vix=Decimal(80))

    assert verdict("vix_regime", given(panic, state=an_account(*HOLDING))) is NOT_APPLICABLE
