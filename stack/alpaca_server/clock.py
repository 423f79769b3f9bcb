"""The fake's own clock: the machine's, or one that a test has set."""

import time

from stack.alpaca_server.values import SECOND


class FakeClock:
    """Runs from where it was set, or stands still there until it is moved."""

    def __init__(self) -> None:
        self._offset: int | None = 0  # to the wall clock; None while standing still
        self._standing_at = 0

    def now(self) -> int:
        """Return nanoseconds since 1970."""
        return self._standing_at if self._offset is None else time.time_ns() + self._offset

    def set(self, at: int, *, running: bool) -> None:
        """Put the clock to a time."""
        self._standing_at = at
        self._offset = at - time.time_ns() if running else None

    def advance(self, seconds: int) -> None:
        """Move the clock on."""
        self.set(self.now() + seconds * SECOND, running=self._offset is not None)

    def use_wall_clock(self) -> None:
        """Go with the machine again."""
        self._offset = 0
