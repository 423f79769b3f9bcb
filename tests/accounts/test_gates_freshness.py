"""The gates over age: of the advice, its bar, its features."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from accounts.limits import LARGE
from events.decision import Verdict
from events.recommendation import StrategyType
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
from tests.builders import NOW, a_recommendation, an_account

GATES = {
    "recommendation_freshness": "issued_at",
    "bar_freshness": "bar_at",
    "feature_freshness": "features_at",
}
DAY, SWING = StrategyType.DAY_TRADE, StrategyType.SWING_TRADE


def aged(gate: str, at: datetime | None, strategy: StrategyType = SWING) -> Verdict:
    advice = a_recommendation(strategy_type=strategy, **{GATES[gate]: at})
    return verdict(gate, given(advice))


@pytest.mark.parametrize(
    ("gate", "strategy", "most_seconds"),
    [
        ("recommendation_freshness", SWING, 300),
        ("bar_freshness", DAY, 180),
        ("bar_freshness", SWING, 4 * 86_400),
        ("feature_freshness", DAY, 300),
        ("feature_freshness", SWING, 86_400),
    ],
)
def test_each_age_has_its_limit_by_strategy(
    gate: str, strategy: StrategyType, most_seconds: int
) -> None:
    oldest = NOW - timedelta(seconds=most_seconds)

    assert aged(gate, oldest, strategy) is PASSED
    assert aged(gate, oldest - timedelta(microseconds=1), strategy) is DECLINED


@pytest.mark.parametrize("gate", GATES)
def test_a_time_in_the_future_is_declined_past_the_tolerance_of_clocks(gate: str) -> None:
    assert aged(gate, NOW + timedelta(seconds=2)) is PASSED
    assert aged(gate, NOW + timedelta(seconds=2, microseconds=1)) is DECLINED


@pytest.mark.parametrize("gate", GATES)
def test_the_tolerance_of_clocks_can_be_nothing(gate: str) -> None:
    strict = replace(LARGE, clock_tolerance_ms=0)
    advice = a_recommendation(**{GATES[gate]: NOW + timedelta(microseconds=1)})

    result = ask(gate, given(advice, limits=strict))

    assert result.verdict is DECLINED
    assert result.threshold.startswith("0 to ")


@pytest.mark.parametrize("gate", ["bar_freshness", "feature_freshness"])
def test_an_unknown_time_or_strategy_fails_closed(gate: str) -> None:
    assert aged(gate, None) is DECLINED
    name = f"{gate}_seconds"
    unset = replace(LARGE, **{name: getattr(LARGE, name).delete(SWING)})
    assert verdict(gate, given(limits=unset)) is DECLINED


def test_an_exit_goes_out_on_old_data_but_not_on_old_advice() -> None:
    held, long_ago = an_account(*HOLDING), NOW - timedelta(days=9)
    exit_ = replace(SELL, bar_at=long_ago, features_at=None, issued_at=long_ago)

    assert verdict("bar_freshness", given(exit_, state=held)) is NOT_APPLICABLE
    assert verdict("feature_freshness", given(exit_, state=held)) is NOT_APPLICABLE
    assert verdict("recommendation_freshness", given(exit_, state=held)) is DECLINED
