"""How much of each limit an account has used. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.calendar import exchange_day
from accounts.daily_loss import day_loss
from accounts.limits import Limits
from accounts.sizing import free_power
from accounts.state import ZERO, AccountState


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """One limit: what is used of what is allowed; of a count, or of US dollars (`Decimal`)."""

    limit: str
    used: int | Decimal
    allowed: int | Decimal

    @property
    def free(self) -> int | Decimal:
        """What is left, never below 0."""
        return max(self.allowed - self.used, 0 * self.allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerUse:
    """A ticker that was traded on the exchange's day, and from when its cool-down allows more."""

    ticker: str
    entries: int
    entries_max: int
    last_at: datetime
    unresolved_order: str | None


def limit_uses(state: AccountState, limits: Limits, now: datetime) -> Iterator[LimitUse]:
    """Yield the limits that fill up, each with what is used of it at `now`."""
    yield LimitUse(
        limit="max_open_positions",
        used=state.open_position_count,
        allowed=limits.max_open_positions,
    )
    yield LimitUse(
        limit="max_notional_exposure",
        used=state.exposure,
        allowed=limits.max_notional_exposure,
    )
    today = exchange_day(now)
    loss = day_loss(state, limits, today)
    yield LimitUse(limit="max_daily_loss", used=max(-loss.pnl, ZERO), allowed=loss.allowed)
    yield LimitUse(
        limit="max_orders_per_minute",
        used=state.orders_within_minute(now),
        allowed=limits.max_orders_per_minute,
    )
    yield LimitUse(
        limit="max_orders_per_day", used=state.orders_on(today), allowed=limits.max_orders_per_day
    )


def ticker_uses(state: AccountState, limits: Limits, now: datetime) -> list[TickerUse]:
    """Return the tickers traded on the exchange's day of `now`, the last one first."""
    today = exchange_day(now)
    found = [
        TickerUse(
            ticker=ticker,
            entries=one.entries,
            entries_max=limits.ticker_daily_limit,
            last_at=one.last_at,
            unresolved_order=state.unresolved_on(ticker),
        )
        for ticker, one in state.ticker_days.items()
        if one.day == today
    ]
    return sorted(found, key=lambda one: (-one.last_at.timestamp(), one.ticker))


def buying_power(state: AccountState) -> Decimal:
    """Return US dollars that may be spent, as the gate of that name asks it."""
    return free_power(state)
