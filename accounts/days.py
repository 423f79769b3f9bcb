"""What an account counts by the exchange's day and by the minute."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

RECENT_ORDERS_MAX: Final = 1_024
"""Times of orders that are remembered, however many were intended in one minute."""

_MINUTE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerDay:
    """A ticker's trading: entries intended on `day` (New York), and its last order of any kind."""

    day: date
    entries: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBook:
    """The account's newest day with an event about a recommendation (New York), and its counts.

    `equity_at_start` and `realised_at_start` are US dollars just before the first of these events;
    `orders` counts those intended, entries and exits, `fills` the trades.
    """

    day: date
    equity_at_start: Decimal
    realised_at_start: Decimal
    orders: int = 0
    fills: int = 0


def with_one_more(book: DayBook | None, *, orders: int = 0, fills: int = 0) -> DayBook | None:
    """Return the book with that many more orders and fills."""
    if book is None:
        return None
    return DayBook(
        day=book.day,
        equity_at_start=book.equity_at_start,
        realised_at_start=book.realised_at_start,
        orders=book.orders + orders,
        fills=book.fills + fills,
    )


def with_recent(recent: tuple[datetime, ...], at: datetime) -> tuple[datetime, ...]:
    """Return the times of orders, ascending, with `at`: of the newest one's minute, at most 1,024.

    O(1,024) at worst, which only a burst of orders reaches.
    """
    newest = recent[-1] if recent and recent[-1] > at else at
    first = bisect_right(recent, newest - _MINUTE)
    first = max(first, len(recent) + 1 - RECENT_ORDERS_MAX)
    if newest is at:
        return (*recent[first:], at)
    if newest - at >= _MINUTE:
        return recent
    place = bisect_right(recent, at)
    return (*recent[first:place], at, *recent[max(first, place) :])


def within_minute(recent: tuple[datetime, ...], now: datetime) -> int:
    """Return how many of the times lie less than 60 s before `now`, or after it."""
    return len(recent) - bisect_right(recent, now - _MINUTE)
