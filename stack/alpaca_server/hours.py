"""When the market is open: the exchange's calendar, which a test may overrule."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from accounts.calendar import NEW_YORK, Session, session
from stack.alpaca_server.values import moment_of, nanos_of

Mode = Literal["calendar", "open", "closed"]

EXTENDED_OPENS: Final = time(4)
EXTENDED_CLOSES: Final = time(20)
_MINUTE: Final = "%H:%M"


@dataclass(slots=True)
class Hours:
    """The sessions; `mode` says whether the calendar counts or a test's word.

    Overruled days are New York dates: None for a holiday, else when the day closes.
    """

    mode: Mode = "calendar"
    overruled: dict[date, time | None] = field(default_factory=dict)

    def session(self, day: date) -> Session | None:
        """Return the session of a day in New York, None when there is none."""
        if day not in self.overruled:
            return session(day)
        closes = self.overruled[day]
        if closes is None:
            return None
        return Session(day, _new_york(day, time(9, 30)), _new_york(day, closes))

    def is_open(self, at: int, *, extended: bool = False) -> bool:
        """Tell whether orders trade now; `extended` orders do from 4:00 to 20:00."""
        if self.mode != "calendar":
            return self.mode == "open"
        moment = moment_of(at)
        today = self.session(moment.astimezone(NEW_YORK).date())
        if today is None:
            return False
        if not extended:
            return today.open_at <= moment < today.close_at
        opens = _new_york(today.day, EXTENDED_OPENS)
        return opens <= moment < _new_york(today.day, EXTENDED_CLOSES)

    def next_open(self, at: int) -> datetime:
        """Return when the market opens next, after now."""
        moment = moment_of(at)
        return next(each.open_at for each in self._from(at) if each.open_at > moment)

    def next_close(self, at: int) -> datetime:
        """Return when the market closes next, after now."""
        moment = moment_of(at)
        return next(each.close_at for each in self._from(at) if each.close_at > moment)

    def day_ends(self, at: int, *, extended: bool) -> int:
        """Return when a DAY order that is placed now expires."""
        if not extended:
            return nanos_of(self.next_close(at))
        moment = moment_of(at)
        ends = (_new_york(each.day, EXTENDED_CLOSES) for each in self._from(at))
        return nanos_of(next(end for end in ends if end > moment))

    def new_york(self, at: int) -> datetime:
        """Return the time in New York."""
        return moment_of(at).astimezone(NEW_YORK)

    def calendar(self, first: date, last: date) -> list[dict[str, str]]:
        """Return the sessions of some days, as `/v2/calendar` shows them."""
        found = []
        day = first
        while day <= last:
            today = self.session(day)
            if today is not None:
                settles = day + timedelta(days=1)
                while self.session(settles) is None:
                    settles += timedelta(days=1)
                found.append(
                    {
                        "date": day.isoformat(),
                        "open": today.open_at.astimezone(NEW_YORK).strftime(_MINUTE),
                        "close": today.close_at.astimezone(NEW_YORK).strftime(_MINUTE),
                        "session_open": EXTENDED_OPENS.strftime("%H%M"),
                        "session_close": EXTENDED_CLOSES.strftime("%H%M"),
                        "settlement_date": settles.isoformat(),
                    }
                )
            day += timedelta(days=1)
        return found

    def _from(self, at: int) -> "list[Session]":
        today = self.new_york(at).date()
        days = (self.session(today + timedelta(days=ahead)) for ahead in range(15))
        return [each for each in days if each is not None]


def _new_york(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK)
