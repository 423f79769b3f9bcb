"""The New York Stock Exchange's days: when it opens and closes, holidays and half days included."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays

NEW_YORK: Final = ZoneInfo("America/New_York")
OPENS: Final = time(9, 30)
CLOSES: Final = time(16)
CLOSES_EARLY: Final = time(13)
EXTENDED_OPENS: Final = time(4)
EXTENDED_BY: Final = timedelta(hours=4)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day, from `open_at` to before `close_at` (UTC)."""

    day: date
    open_at: datetime
    close_at: datetime

    @property
    def is_half(self) -> bool:
        """Whether the exchange closes at 13:00 New York time."""
        return self.close_at.astimezone(NEW_YORK).time() == CLOSES_EARLY


@lru_cache(maxsize=4_096)  # some sixteen years: a replay asks for each day many times
def session(day: date) -> Session | None:
    """Return the session of `day` in New York, None when the exchange stays closed."""
    closed, half = _year(day.year)
    if day.weekday() >= _SATURDAY or day in closed:
        return None
    closes = CLOSES_EARLY if day in half else CLOSES
    return Session(day, _utc(day, OPENS), _utc(day, closes))


def extended(today: Session) -> tuple[datetime, datetime]:
    """Return when trading around a session begins and ends (UTC): 4:00, four hours past the close.

    That is 20:00 New York time, and 17:00 on a half day.
    """
    return _utc(today.day, EXTENDED_OPENS), today.close_at + EXTENDED_BY


def exchange_day(at: datetime) -> date:
    """Return the date in New York at `at` (aware)."""
    return at.astimezone(NEW_YORK).date()


@lru_cache(maxsize=64)
def _year(year: int) -> tuple[Container[date], Container[date]]:
    closed = holidays.financial_holidays("NYSE", years=year, categories=("public",))
    half = holidays.financial_holidays("NYSE", years=year, categories=("half_day",))
    return frozenset(closed), frozenset(half)


def _utc(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
