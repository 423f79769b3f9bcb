"""How much of each limit an account has used. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.calendar import exchange_day
from accounts.limits import Limits
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


def limit_uses(state: AccountState, limits: Limits) -> Iterator[LimitUse]:
    """Yield the limits that fill up, each with what is used of it."""
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
    """Return US dollars that may be spent: the broker's own figure, else cash less reservations."""
    figures = state.broker
    if figures is not None and figures.buying_power is not None:
        return max(figures.buying_power - state.reserved, ZERO)
    return max(state.cash - state.reserved, ZERO)
