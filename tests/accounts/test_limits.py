"""Limits that make no sense are refused when they are made, not when they are needed."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accounts.gates import GATES
from accounts.limits import GATE_NAMES, LARGE, TINY
from tests.builders import these


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
        ({"action_allowed": frozenset({"BUY_BOND"})}, "'BUY_BOND', which is no action"),
        ({"disabled_gates": frozenset({"confidense"})}, "'confidense', which is no gate"),
        ({"disabled_gates": frozenset({"unresolved_intent"})}, "always on"),
    ],
)
def test_nonsense_is_refused_in_words(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LARGE, **changes)
