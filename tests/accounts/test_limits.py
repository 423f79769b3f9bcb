"""Limits that make no sense are refused when they are made, not when they are needed."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accounts.gates import GATES
from accounts.limits import GATE_NAMES, LARGE, TINY, by_strategy
from tests.builders import these

ONE = Decimal(1)


def test_the_presets_are_the_promised_ones() -> None:
    assert these(LARGE.max_open_positions, LARGE.max_notional_exposure) == (5, 10_000)
    assert these(TINY.max_open_positions, TINY.max_notional_exposure) == (2, 1_500)
    assert these(LARGE.ticker_daily_limit, LARGE.ticker_cooldown_minutes) == (2, 15)


def test_the_limits_know_every_gate_by_its_name_and_in_its_order() -> None:
    assert tuple(getattr(gate, "__name__", "") for gate in GATES) == GATE_NAMES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_open_positions": -1}, "max_open_positions"),
        ({"recommendation_freshness_seconds": 0}, "recommendation_freshness_seconds"),
        ({"max_notional_exposure": Decimal("NaN")}, "max_notional_exposure"),
        ({"max_order_notional": Decimal("Infinity")}, "max_order_notional"),
        ({"max_order_notional": Decimal(0)}, "max_order_notional"),
        ({"risk_share_of_equity": Decimal("1.01")}, "risk_share_of_equity"),
        ({"risk_share_of_equity": Decimal("NaN")}, "risk_share_of_equity"),
        ({"price_collar_bps": 10_000}, "no lower price"),
        ({"max_daily_loss": Decimal(0)}, "max_daily_loss is not a positive amount of US dollars"),
        ({"max_daily_loss_share": Decimal(0)}, "max_daily_loss_share is not above 0"),
        ({"vix_max": by_strategy(Decimal("NaN"), ONE, ONE)}, "vix_max.day_trade is not a positive"),
        ({"max_orders_per_minute": 1_025}, "max_orders_per_minute is above 1024"),
        ({"clock_tolerance_ms": 60_001}, "clock_tolerance_ms is above 60000"),
        ({"bar_freshness_seconds": by_strategy(1, 0, 1)}, "bar_freshness_seconds.swing_trade is"),
        (
            {"option_premium_min": by_strategy(ONE, ONE, ONE * 9_999)},
            "conservative is above",
        ),
        (
            {"option_premium_min": by_strategy(Decimal("NaN"), ONE, ONE)},
            "option_premium_min.day",
        ),
        ({"option_premium_max": by_strategy(Decimal("NaN"), ONE, ONE)}, "option_premium_max.day"),
        ({"option_days_to_expiry_max": by_strategy(7, 6, 180)}, "swing_trade is above option_days"),
        ({"exit_price_collar_bps": 10_000}, "no lower price"),
        ({"restricted_tickers": frozenset({"msft"})}, "'msft', which is no ticker"),
        (
            {"restricted_tickers": frozenset({"A"}), "allowed_tickers": frozenset({"A"})},
            "A is among restricted_tickers and among allowed_tickers",
        ),
        ({"action_allowed": frozenset({"BUY_BOND"})}, "'BUY_BOND', which is no action"),
        ({"disabled_gates": frozenset({"confidense"})}, "'confidense', which is no gate"),
        ({"disabled_gates": frozenset({"unresolved_intent"})}, "always on"),
    ],
)
def test_nonsense_is_refused_in_words(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LARGE, **changes)
