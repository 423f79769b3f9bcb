"""Time for decisions, and time for deadlines: two questions that a frozen process answers apart."""

import sys
import time
from datetime import UTC, datetime
from typing import Protocol

from brokers.simulated import SimulatedBroker

# Goes on while the machine sleeps: CLOCK_BOOTTIME on Linux; macOS's CLOCK_MONOTONIC does the same.
_SUSPEND_AWARE = time.CLOCK_MONOTONIC if sys.platform == "darwin" else time.CLOCK_BOOTTIME


class Clock(Protocol):
    """What the dispatcher asks for the time."""

    def now(self) -> datetime:
        """Return the time that decisions are taken at, UTC."""
        ...

    def elapsed_s(self) -> float:
        """Return seconds on a clock that never jumps and never sleeps."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the wall clock's time, UTC."""
        return datetime.now(UTC)  # noqa: TID251 -- this is the one clock

    def elapsed_s(self) -> float:
        """Return seconds since boot, those asleep included."""
        return time.clock_gettime(_SUSPEND_AWARE)


class HistoricalClock:
    """The recommendations' time. It takes the simulated broker to make one: replay never trades."""

    def __init__(self, broker: SimulatedBroker, start: datetime) -> None:
        """Stand at `start` until moved; `broker` is the proof that no order can leave."""
        if not isinstance(broker, SimulatedBroker):
            raise TypeError(f"a historical clock needs the simulated broker, not {broker!r}")
        self._now = start

    def now(self) -> datetime:
        """Return the time of the last recommendations read."""
        return self._now

    def elapsed_s(self) -> float:
        """Return real seconds: deadlines of a process are no history."""
        return time.clock_gettime(_SUSPEND_AWARE)

    def move_to(self, moment: datetime) -> None:
        """Move on; the past stays past."""
        self._now = max(self._now, moment)
