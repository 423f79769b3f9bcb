"""Every gate in its order. A gate is a pure function and one line here."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from accounts.gates.account import buying_power, max_notional_exposure, max_open_positions
from accounts.gates.freshness import bar_freshness, feature_freshness, recommendation_freshness
from accounts.gates.given import GateInput, look_at
from accounts.gates.kill import (
    account_active,
    daily_loss_limit,
    duplicate_position,
    trading_hours,
    vix_regime,
)
from accounts.gates.option import (
    option_days_to_expiry,
    option_open_interest,
    option_premium,
    option_spread,
    option_volume,
)
from accounts.gates.order import max_order_notional, order_rate, order_size, price_collar
from accounts.gates.signal import action_allowed, confidence, no_short_selling
from accounts.gates.ticker import (
    restricted_tickers,
    ticker_cooldown,
    ticker_daily_limit,
    unresolved_intent,
)
from events.decision import GateResult, Verdict

Gate: TypeAlias = Callable[[GateInput], GateResult]

GATES: Final[tuple[Gate, ...]] = (
    account_active,
    daily_loss_limit,
    vix_regime,
    trading_hours,
    duplicate_position,
    recommendation_freshness,
    bar_freshness,
    feature_freshness,
    max_open_positions,
    max_notional_exposure,
    buying_power,
    restricted_tickers,
    ticker_daily_limit,
    ticker_cooldown,
    unresolved_intent,
    confidence,
    action_allowed,
    no_short_selling,
    order_size,
    max_order_notional,
    price_collar,
    order_rate,
    option_spread,
    option_volume,
    option_open_interest,
    option_premium,
    option_days_to_expiry,
)

_DECLINED: Final = Verdict.DECLINED

__all__ = ["GATES", "Gate", "GateInput", "declined_by", "evaluate", "look_at"]


def evaluate(given: GateInput) -> tuple[GateResult, ...]:
    """Return every gate's answer, in order, even after one has declined.

    A gate switched off in the limits is asked all the same; what it would have said is its reason.
    """
    results = tuple([gate(given) for gate in GATES])
    off = given.limits.disabled_gates
    if not off:
        return results
    return tuple([_off(result) if result.gate in off else result for result in results])


def declined_by(results: tuple[GateResult, ...]) -> tuple[str, ...]:
    """Return the names of the gates that declined, in their order."""
    return tuple([result.gate for result in results if result.verdict is _DECLINED])


def _off(result: GateResult) -> GateResult:
    return replace(
        result,
        verdict=Verdict.NOT_APPLICABLE,
        reason=f"switched off; it would have said {result.verdict}: {result.reason}",
    )
