"""What never changes from one decision to the next: each threshold as the gates write it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from immutables import Map

from accounts.limits import Limits
from accounts.once import once_for_each
from accounts.words import dollars, plain
from events.recommendation import InstrumentType, StrategyType

_K = TypeVar("_K")
_V = TypeVar("_V")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old something may be, and how far in the future a clock may show it."""

    most: timedelta
    ahead: timedelta
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How sure advice of one kind must be, and what is said of advice that is or is not."""

    least: Decimal
    words: str
    sure: str
    unsure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The limits of an account, rendered once."""

    daily_loss: str
    vix: Map[StrategyType, str]
    recommendation_age: Age
    bar_age: Map[StrategyType, Age]
    feature_age: Map[StrategyType, Age]
    open_positions: str
    exposure: str
    tickers: str
    ticker_daily: str
    cooldown: timedelta
    cooldown_words: str
    confidence: Map[tuple[InstrumentType, StrategyType], Confidence]
    actions: str
    order_notional: str
    order_rate: str
    spread: str
    volume: str
    open_interest: str
    premium: Map[StrategyType, str]
    days_to_expiry: Map[StrategyType, str]


@once_for_each
def thresholds(limits: Limits) -> Thresholds:
    """Return what `limits` read like; rendered once for each instance."""
    ahead = timedelta(milliseconds=limits.clock_tolerance_ms)
    premiums = _both(limits.option_premium_min, limits.option_premium_max)
    days = _both(limits.option_days_to_expiry_min, limits.option_days_to_expiry_max)
    return Thresholds(
        daily_loss=f"a loss below {dollars(limits.max_daily_loss)}",
        vix=_each(limits.vix_max, lambda most: f"at most {plain(most)}"),
        recommendation_age=_age(limits.recommendation_freshness_seconds, ahead),
        bar_age=_each(limits.bar_freshness_seconds, lambda most: _age(most, ahead)),
        feature_age=_each(limits.feature_freshness_seconds, lambda most: _age(most, ahead)),
        open_positions=f"at most {limits.max_open_positions}",
        exposure=f"at most {dollars(limits.max_notional_exposure)}",
        tickers=_tickers(limits),
        ticker_daily=f"below {limits.ticker_daily_limit}",
        cooldown=timedelta(minutes=limits.ticker_cooldown_minutes),
        cooldown_words=f"at least {limits.ticker_cooldown_minutes} minutes",
        confidence=Map(
            {key: _confidence(*key, least) for key, least in limits.confidence_min.items()}
        ),
        actions=", ".join(sorted(limits.action_allowed)) or "none",
        order_notional=f"at most {dollars(limits.max_order_notional)}",
        order_rate=f"below {limits.max_orders_per_minute} a minute and "
        f"{limits.max_orders_per_day} a day",
        spread=f"at most {plain(limits.option_spread_max)} of the mid",
        volume=f"at least {limits.option_volume_min}",
        open_interest=f"at least {limits.option_open_interest_min}",
        premium=Map(
            {key: f"{dollars(least)} to {dollars(most)}" for key, (least, most) in premiums.items()}
        ),
        days_to_expiry=Map({key: f"{least} to {most} days" for key, (least, most) in days.items()}),
    )


def _age(most_seconds: int, ahead: timedelta) -> Age:
    early = f"{-ahead.total_seconds():g}"
    words = f"{'0' if early == '-0' else early} to {most_seconds} seconds"
    return Age(most=timedelta(seconds=most_seconds), ahead=ahead, words=words)


def _confidence(instrument: InstrumentType, strategy: StrategyType, least: Decimal) -> Confidence:
    return Confidence(
        least=least,
        words=f"at least {plain(least)}",
        sure=f"sure enough for {instrument} {strategy}",
        unsure=f"not sure enough for {instrument} {strategy}",
    )


def _tickers(limits: Limits) -> str:
    if limits.allowed_tickers:
        return "one of " + ", ".join(sorted(limits.allowed_tickers))
    if limits.restricted_tickers:
        return "none of " + ", ".join(sorted(limits.restricted_tickers))
    return "any ticker"


def _each(values: Map[_K, _V], words: Callable[[_V], _R]) -> Map[_K, _R]:
    return Map({key: words(value) for key, value in values.items()})


def _both(
    lower: Map[StrategyType, _V], upper: Map[StrategyType, _V]
) -> dict[StrategyType, tuple[_V, _V]]:
    return {key: (lower[key], upper[key]) for key in lower if key in upper}
