"""Every threshold an account decides under: plain values, no defaults hidden elsewhere."""

from collections.abc import Iterator
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

BASIS_POINTS: Final = 10_000

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
    entry_cutoff: Map[StrategyType, time]
    confidence_min: Map[tuple[InstrumentType, StrategyType], Decimal]
    ticker_daily_limit: int = 2
    ticker_cooldown_minutes: int = 15
    recommendation_freshness_seconds: int = 300
    opening_minutes_blocked: int = 5
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

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        faults = list(_faults(self))
        if faults:
            raise ValueError("; ".join(faults))


_LEAST: Final = {
    "max_open_positions": 0,
    "ticker_daily_limit": 0,
    "ticker_cooldown_minutes": 0,
    "recommendation_freshness_seconds": 1,
    "opening_minutes_blocked": 0,
    "price_collar_bps": 0,
    "option_price_collar_bps": 0,
}
_MONEY: Final = ("max_notional_exposure", "max_order_notional", "fixed_notional")
_SHARES: Final = ("risk_share_of_equity", "max_share_of_equity")


def _faults(limits: Limits) -> Iterator[str]:
    for name, least in _LEAST.items():
        if getattr(limits, name) < least:
            yield f"{name} is below {least}"
    for name in _MONEY:
        amount: Decimal = getattr(limits, name)
        if not amount.is_finite() or amount <= 0:
            yield f"{name} is not a positive amount of US dollars"
    for name in _SHARES:
        share: Decimal = getattr(limits, name)
        if not share.is_finite() or not 0 < share <= 1:
            yield f"{name} is not above 0 and at most 1"
    if max(limits.price_collar_bps, limits.option_price_collar_bps) >= BASIS_POINTS:
        yield "a price collar of 10,000 bps or more has no lower price"
    if limits.order_type is OrderType.UNKNOWN:
        yield "order_type is neither LIMIT nor MARKET"
    yield from _unknown_names(limits)


def _unknown_names(limits: Limits) -> Iterator[str]:
    for action in sorted(limits.action_allowed - ACTIONS):
        yield f"action_allowed names {action!r}, which is no action"
    for gate in sorted(limits.disabled_gates - frozenset(GATE_NAMES)):
        yield f"disabled_gates names {gate!r}, which is no gate"
    for gate in sorted(limits.disabled_gates & ALWAYS_ON):
        yield f"disabled_gates names {gate!r}, which is always on"


LARGE: Final = Limits(
    max_open_positions=5,
    max_notional_exposure=Decimal(10_000),
    max_order_notional=Decimal(2_500),
    entry_cutoff=Map({StrategyType.DAY_TRADE: time(14), StrategyType.SWING_TRADE: time(15)}),
    confidence_min=_confidence(stock="0.35", day_option="0.60", swing_option="0.45", option="0.55"),
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
