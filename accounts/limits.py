"""Every threshold an account decides under: plain values, no defaults hidden elsewhere."""

from dataclasses import dataclass, replace
from datetime import time
from decimal import Decimal
from enum import StrEnum
from typing import Final

from immutables import Map

from events.order import OrderType
from events.recommendation import InstrumentType, StrategyType

GATE_NAMES: Final = (
    "account_active",
    "trading_hours",
    "duplicate_position",
    "recommendation_freshness",
    "max_open_positions",
    "max_notional_exposure",
    "ticker_daily_limit",
    "ticker_cooldown",
    "unresolved_intent",
    "confidence",
    "action_allowed",
    "no_short_selling",
    "order_size",
    "max_order_notional",
    "price_collar",
)
"""Every gate, in the order in which they are asked."""

ALWAYS_ON: Final = frozenset({"account_active", "unresolved_intent", "order_size"})
"""Gates that no configuration may switch off: without them an order could go out twice or empty."""

ACTIONS: Final = frozenset(
    {"BUY_STOCK", "SELL_STOCK", "BUY_CALL", "SELL_CALL", "BUY_PUT", "SELL_PUT"}
)


class SizingMethod(StrEnum):
    """How the quantity of an entry is found."""

    RISK_SHARE = "RISK_SHARE"
    FIXED_NOTIONAL = "FIXED_NOTIONAL"


def _confidence(
    stock: str, day_option: str, swing_option: str, option: str
) -> Map[tuple[InstrumentType, StrategyType], Decimal]:
    by_option = {
        StrategyType.DAY_TRADE: Decimal(day_option),
        StrategyType.SWING_TRADE: Decimal(swing_option),
        StrategyType.CONSERVATIVE: Decimal(option),
    }
    return Map(
        {
            (instrument, strategy): Decimal(stock) if instrument is InstrumentType.STOCK else least
            for instrument in (InstrumentType.STOCK, InstrumentType.CALL, InstrumentType.PUT)
            for strategy, least in by_option.items()
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The thresholds of one account. Money is US dollars, shares of something are 0 to 1.

    `entry_cutoff` is the New York time of day from which a strategy enters no more; an absent
    strategy may enter until the close. `confidence_min` declines what it does not name.
    `disabled_gates` switches gates off by their names.

    Raises:
        ValueError: A threshold makes no sense, or names a gate or an action that does not exist.
    """

    max_open_positions: int
    max_notional_exposure: Decimal
    max_order_notional: Decimal
    ticker_daily_limit: int = 2
    ticker_cooldown_minutes: int = 15
    recommendation_freshness_seconds: int = 300
    opening_minutes_blocked: int = 5
    entry_cutoff: Map[StrategyType, time] = Map(
        {StrategyType.DAY_TRADE: time(14), StrategyType.SWING_TRADE: time(15)}
    )
    confidence_min: Map[tuple[InstrumentType, StrategyType], Decimal] = _confidence(
        stock="0.35", day_option="0.60", swing_option="0.45", option="0.55"
    )
    action_allowed: frozenset[str] = ACTIONS
    allow_shorting: bool = False
    price_collar_bps: int = 100
    option_price_collar_bps: int = 1_000
    order_type: OrderType = OrderType.LIMIT
    sizing_method: SizingMethod = SizingMethod.RISK_SHARE
    risk_share_of_equity: Decimal = Decimal("0.02")
    fixed_notional: Decimal = Decimal(1_000)
    max_share_of_equity: Decimal = Decimal("0.25")
    fractional_shares: bool = False
    disabled_gates: frozenset[str] = frozenset()


LARGE: Final = Limits(
    max_open_positions=5,
    max_notional_exposure=Decimal(10_000),
    max_order_notional=Decimal(2_500),
)
"""An account of some $100,000 that risks a tenth of it."""

TINY: Final = replace(
    LARGE,
    max_open_positions=2,
    max_notional_exposure=Decimal(1_500),
    max_order_notional=Decimal(750),
    fixed_notional=Decimal(500),
    entry_cutoff=Map({StrategyType.DAY_TRADE: time(13), StrategyType.SWING_TRADE: time(14)}),
    confidence_min=_confidence(stock="0.55", day_option="0.60", swing_option="0.55", option="0.55"),
)
"""An account of some $2,000: fewer positions, higher confidence, earlier cut-offs."""
