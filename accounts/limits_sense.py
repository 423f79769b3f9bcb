"""What makes no sense as a limit, each fault in words that name the key."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from immutables import Map

from accounts.days import RECENT_ORDERS_MAX
from accounts.gate_names import ACTIONS, ALWAYS_ON, GATE_NAMES
from accounts.special_limits import special_faults
from events.order import OrderType
from events.recommendation import StrategyType
from events.sanity import TICKER_PATTERN

if TYPE_CHECKING:
    from accounts.limits import Limits

_LEAST: Final = {
    "max_open_positions": 0,
    "opening_minutes_blocked": 0,
    "expiry_day_minutes_blocked": 0,
    "clock_tolerance_ms": 0,
    "recommendation_freshness_seconds": 1,
    "bar_freshness_seconds": 1,
    "feature_freshness_seconds": 1,
    "ticker_daily_limit": 0,
    "ticker_cooldown_minutes": 0,
    "price_collar_bps": 0,
    "option_price_collar_bps": 0,
    "exit_price_collar_bps": 0,
    "option_exit_price_collar_bps": 0,
    "max_orders_per_minute": 0,
    "max_orders_per_day": 0,
    "option_volume_min": 0,
    "option_open_interest_min": 0,
    "option_premium_min": 0,
    "option_days_to_expiry_min": 0,
    "option_days_to_expiry_max": 0,
    "max_contracts": 0,
}
_MOST: Final = {
    "clock_tolerance_ms": 60_000,
    "expiry_day_minutes_blocked": 390,
    "max_orders_per_minute": RECENT_ORDERS_MAX,  # more are not counted: it would never bind
}
_MONEY: Final = (
    "max_notional_exposure",
    "max_order_notional",
    "max_daily_loss",
    "vix_max",
    "option_premium_max",
    "fixed_notional",
)
_SHARES: Final = (
    "max_daily_loss_share",
    "option_spread_max",
    "risk_share_of_equity",
    "fixed_fraction_of_equity",
    "max_share_of_equity",
)
_RANGES: Final = (
    ("option_premium_min", "option_premium_max"),
    ("option_days_to_expiry_min", "option_days_to_expiry_max"),
)


_STRATEGIES: Final = frozenset(one.value for one in StrategyType if one is not StrategyType.UNKNOWN)
_ALL_OF_IT_BPS: Final = 10_000


def faults(limits: "Limits") -> Iterator[str]:
    """Yield each fault of `limits` as a sentence; nothing when they make sense."""
    unsound = [*_out_of_bounds(limits), *_no_money_or_share(limits)]
    yield from unsound
    collars = (
        limits.price_collar_bps,
        limits.option_price_collar_bps,
        limits.exit_price_collar_bps,
        limits.option_exit_price_collar_bps,
    )
    if max(collars) >= _ALL_OF_IT_BPS:
        yield "a price collar of 10,000 bps or more has no lower price"
    if limits.order_type is OrderType.UNKNOWN:
        yield "order_type is neither LIMIT nor MARKET"
    if not unsound:  # what is no number cannot be above another
        yield from _empty_ranges(limits)
    names = list(_unknown_names(limits))
    yield from names
    if limits.special and not unsound and not names:
        yield from special_faults(limits)


def _out_of_bounds(limits: "Limits") -> Iterator[str]:
    for name, least in _LEAST.items():
        for key, value in _values(limits, name):
            if not value.is_finite() or value < least:
                yield f"{key} is below {least}"
    for name, most in _MOST.items():
        if getattr(limits, name) > most:
            yield f"{name} is above {most}"


def _no_money_or_share(limits: "Limits") -> Iterator[str]:
    for name in _MONEY:
        for key, value in _values(limits, name):
            if not value.is_finite() or value <= 0:
                unit = "number of points" if name == "vix_max" else "amount of US dollars"
                yield f"{key} is not a positive {unit}"
    for name in _SHARES:
        share: Decimal = getattr(limits, name)
        if not share.is_finite() or not 0 < share <= 1:
            yield f"{name} is not above 0 and at most 1"


def _values(limits: "Limits", name: str) -> Iterator[tuple[str, Decimal]]:
    value = getattr(limits, name)
    if not isinstance(value, Map):
        yield name, Decimal(value)
        return
    for key in sorted(value):
        yield f"{name}.{key}", Decimal(value[key])


def _empty_ranges(limits: "Limits") -> Iterator[str]:
    for least, most in _RANGES:
        lower, upper = getattr(limits, least), getattr(limits, most)
        for strategy in sorted(lower):
            if strategy in upper and lower[strategy] > upper[strategy]:
                yield f"{least}.{strategy} is above {most}.{strategy}"


def _unknown_names(limits: "Limits") -> Iterator[str]:
    for action in sorted(limits.action_allowed - ACTIONS):
        yield f"action_allowed names {action!r}, which is no action"
    for strategy in sorted(limits.extended_hours - _STRATEGIES):
        yield f"extended_hours names {strategy!r}, which is no strategy"
    if limits.extended_hours and limits.order_type is OrderType.MARKET:
        yield "extended_hours needs order_type LIMIT: no market order works outside the session"
    for gate in sorted(limits.disabled_gates - frozenset(GATE_NAMES)):
        yield f"disabled_gates names {gate!r}, which is no gate"
    for gate in sorted(limits.disabled_gates & ALWAYS_ON):
        yield f"disabled_gates names {gate!r}, which is always on"
    for name in ("restricted_tickers", "allowed_tickers"):
        for ticker in sorted(getattr(limits, name)):
            if not TICKER_PATTERN.fullmatch(ticker):
                yield f"{name} names {ticker!r}, which is no ticker"
    for ticker in sorted(limits.restricted_tickers & limits.allowed_tickers):
        yield f"{ticker} is among restricted_tickers and among allowed_tickers"
