"""Time for decisions, and time for deadlines: two questions that a frozen process answers apart."""

import sys
import time
from datetime import UTC, datetime
from typing import Protocol

# Goes on while the machine sleeps: CLOCK_BOOTTIME on Linux; macOS's CLOCK_MONOTONIC does the same.
_SUSPEND_AWARE = time.CLOCK_MONOTONIC if sys.platform == "darwin" else time.CLOCK_BOOTTIME


def elapsed_s() -> float:
    """Return seconds since boot, those asleep included."""
    return time.clock_gettime(_SUSPEND_AWARE)


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
        return elapsed_s()
