"""Every threshold an account decides under: plain values, no defaults hidden elsewhere."""

from dataclasses import dataclass, replace
from datetime import time
from decimal import Decimal
from typing import Final, TypeVar

from immutables import Map

from accounts.gate_names import ACTIONS, ALWAYS_ON, GATE_NAMES
from accounts.limit_choices import Brackets, OnDailyLoss, SizingMethod
from accounts.limits_sense import faults
from accounts.special_limits import SpecialLimits
from events.order import OrderType
from events.recommendation import InstrumentType, StrategyType

__all__ = [
    "ALWAYS_ON",
    "BASIS_POINTS",
    "GATE_NAMES",
    "LARGE",
    "TINY",
    "Brackets",
    "Limits",
    "OnDailyLoss",
    "SizingMethod",
    "SpecialLimits",
    "by_strategy",
]

BASIS_POINTS: Final = 10_000

_T = TypeVar("_T")


def by_strategy(day: _T, swing: _T, conservative: _T) -> Map[StrategyType, _T]:
    """Return a threshold for each strategy."""
    return Map(
        {
            StrategyType.DAY_TRADE: day,
            StrategyType.SWING_TRADE: swing,
            StrategyType.CONSERVATIVE: conservative,
        }
    )


_VIX_MAX: Final = by_strategy(Decimal(40), Decimal(40), Decimal(40))
_BAR_FRESHNESS_SECONDS: Final = by_strategy(180, 345_600, 345_600)
_FEATURE_FRESHNESS_SECONDS: Final = by_strategy(300, 86_400, 86_400)
_OPTION_PREMIUM_MIN: Final = by_strategy(Decimal(100), Decimal(100), Decimal(100))
_OPTION_PREMIUM_MAX: Final = by_strategy(Decimal(2_500), Decimal(2_500), Decimal(2_500))
_OPTION_DAYS_TO_EXPIRY_MIN: Final = by_strategy(0, 7, 30)
_OPTION_DAYS_TO_EXPIRY_MAX: Final = by_strategy(7, 60, 180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The thresholds of one account. Money is US dollars, shares of something are 0 to 1.

    `entry_cutoff` is the New York time of day from which a strategy enters no more; an absent
    strategy may enter until the close. Every other threshold by strategy declines what it does
    not name, `confidence_min` too. Of the two daily losses the smaller one counts. An option's
    spread is a share of its mid, its premium US dollars for a contract, days to expiry are
    calendar days. `extended_hours` names the strategies that also trade stocks before the open and
    after the close. `disabled_gates` switches gates off by their names. What `special` names
    differs by instrument and strategy: `accounts.special_limits.limits_for` says what counts.

    Raises:
        ValueError: A threshold makes no sense, or names a gate or an action that does not exist.
    """

    max_open_positions: int
    max_notional_exposure: Decimal
    max_order_notional: Decimal
    entry_cutoff: Map[StrategyType, time]
    confidence_min: Map[tuple[InstrumentType, StrategyType], Decimal]
    max_daily_loss: Decimal = Decimal(500)
    max_daily_loss_share: Decimal = Decimal("0.02")
    on_daily_loss: OnDailyLoss = OnDailyLoss.REDUCE
    vix_max: Map[StrategyType, Decimal] = _VIX_MAX
    opening_minutes_blocked: int = 5
    expiry_day_minutes_blocked: int = 30
    clock_tolerance_ms: int = 2_000
    recommendation_freshness_seconds: int = 300
    bar_freshness_seconds: Map[StrategyType, int] = _BAR_FRESHNESS_SECONDS
    feature_freshness_seconds: Map[StrategyType, int] = _FEATURE_FRESHNESS_SECONDS
    restricted_tickers: frozenset[str] = frozenset()
    allowed_tickers: frozenset[str] = frozenset()
    ticker_daily_limit: int = 2
    ticker_cooldown_minutes: int = 15
    action_allowed: frozenset[str] = ACTIONS
    allow_shorting: bool = False
    price_collar_bps: int = 100
    option_price_collar_bps: int = 1_000
    exit_price_collar_bps: int = 300
    option_exit_price_collar_bps: int = 3_000
    max_orders_per_minute: int = 20
    max_orders_per_day: int = 200
    option_spread_max: Decimal = Decimal("0.10")
    option_volume_min: int = 100
    option_open_interest_min: int = 100
    option_premium_min: Map[StrategyType, Decimal] = _OPTION_PREMIUM_MIN
    option_premium_max: Map[StrategyType, Decimal] = _OPTION_PREMIUM_MAX
    option_days_to_expiry_min: Map[StrategyType, int] = _OPTION_DAYS_TO_EXPIRY_MIN
    option_days_to_expiry_max: Map[StrategyType, int] = _OPTION_DAYS_TO_EXPIRY_MAX
    order_type: OrderType = OrderType.LIMIT
    brackets: Brackets = Brackets.OFF
    extended_hours: frozenset[str] = frozenset()
    sizing_method: SizingMethod = SizingMethod.RISK_SHARE
    risk_share_of_equity: Decimal = Decimal("0.02")
    fixed_notional: Decimal = Decimal(1_000)
    fixed_fraction_of_equity: Decimal = Decimal("0.05")
    max_share_of_equity: Decimal = Decimal("0.25")
    max_contracts: int = 10
    fractional_shares: bool = False
    disabled_gates: frozenset[str] = frozenset()
    special: tuple[SpecialLimits, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        found = list(faults(self))
        if found:
            raise ValueError("; ".join(found))


def _confidence(
    stock: str, day_option: str, swing_option: str, option: str
) -> Map[tuple[InstrumentType, StrategyType], Decimal]:
    by_option = by_strategy(Decimal(day_option), Decimal(swing_option), Decimal(option))
    return Map(
        {
            (instrument, strategy): Decimal(stock) if instrument is InstrumentType.STOCK else least
            for instrument in (InstrumentType.STOCK, InstrumentType.CALL, InstrumentType.PUT)
            for strategy, least in by_option.items()
        }
    )


LARGE: Final = Limits(
    max_open_positions=5,
    max_notional_exposure=Decimal(10_000),
    max_order_notional=Decimal(2_500),
    entry_cutoff=Map({StrategyType.DAY_TRADE: time(14), StrategyType.SWING_TRADE: time(15)}),
    confidence_min=_confidence(stock="0.35", day_option="0.60", swing_option="0.45", option="0.55"),
)
"""An account of some $100,000 that risks a tenth of it and stops for the day at $500 lost."""

TINY: Final = replace(
    LARGE,
    max_open_positions=2,
    max_notional_exposure=Decimal(1_500),
    max_order_notional=Decimal(750),
    entry_cutoff=Map({StrategyType.DAY_TRADE: time(13), StrategyType.SWING_TRADE: time(14)}),
    confidence_min=_confidence(stock="0.55", day_option="0.60", swing_option="0.55", option="0.55"),
    max_daily_loss=Decimal(100),
    max_daily_loss_share=Decimal("0.10"),
    vix_max=by_strategy(Decimal(30), Decimal(30), Decimal(30)),
    max_orders_per_minute=5,
    max_orders_per_day=20,
    option_spread_max=Decimal("0.05"),
    option_volume_min=500,
    option_premium_min=by_strategy(Decimal(50), Decimal(50), Decimal(50)),
    option_premium_max=by_strategy(Decimal(500), Decimal(500), Decimal(500)),
    fixed_notional=Decimal(500),
    max_contracts=2,
)
"""A small account: fewer positions, higher confidence, earlier cut-offs, calmer markets."""
