"""How many requests one account may still send: Alpaca's own headers, and our own count.

Nothing is held back here: whoever has much to ask goes by how much room there is. New orders leave
some to look-ups and cancels. Trading and market data are counted apart, as Alpaca does.
"""

from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Final

LIMIT: Final = 200
"""Requests a minute and account, until the broker's headers say otherwise."""

WINDOW_S: Final = 60.0
KEPT_FREE: Final = 40
"""What new orders leave to look-ups, cancels and reconciling, of each window."""

TURNED_AWAY_S: Final = 1.0
"""How long nothing is asked of a broker that turns a request away and names no reset."""

RESET_WITHIN_S: Final = 120.0
"""The farthest reset that is believed: clocks differ, but nobody counts for hours."""

_SEND_AND_LOOK_UP: Final = 2
"""What one order costs: its POST, and a look-up of what became of it."""


class RateBudget:
    """Shared by all threads that talk for one account. Times are seconds of the caller's clock.

    `wall_s` is UNIX time, which the reset header is in.
    """

    def __init__(self, elapsed_s: Callable[[], float], wall_s: Callable[[], float]) -> None:
        """Know of no request yet."""
        self._elapsed_s = elapsed_s
        self._wall_s = wall_s
        self._lock = Lock()
        self._sent: deque[float] = deque()
        self._limit = LIMIT
        self._remaining = LIMIT
        self._reset_s = 0.0
        self._shut_until_s = 0.0

    def sending(self) -> None:
        """Count one request that is about to be sent."""
        with self._lock:
            self._sent.append(self._elapsed_s())
            self._remaining -= 1

    def told(self, headers: Mapping[str, str]) -> None:
        """Take up what a reply's headers (names in lower case) say; nothing where they say none."""
        limit = _number(headers.get("x-ratelimit-limit"))
        remaining = _number(headers.get("x-ratelimit-remaining"))
        reset_s = _number(headers.get("x-ratelimit-reset"))
        if remaining is None or reset_s is None:
            return
        with self._lock:
            later = reset_s > self._reset_s
            self._limit = limit or self._limit
            # Replies overtake each other: within one window the least is the truth.
            self._remaining = remaining if later else min(self._remaining, remaining)
            self._reset_s = max(self._reset_s, min(float(reset_s), self._wall_s() + RESET_WITHIN_S))

    def exhausted(self, headers: Mapping[str, str]) -> None:
        """Know that the broker turned a request away: until the reset that it names, or a moment.

        What it told before of its count is no help: by that it would have taken the request.
        """
        reset_s = _number(headers.get("x-ratelimit-reset"))
        with self._lock:
            if reset_s is None:
                self._shut_until_s = self._wall_s() + TURNED_AWAY_S
            else:
                self._remaining = 0
                self._reset_s = max(self._reset_s, self._believed(reset_s))

    def orders_free(self) -> int:
        """Return how many new orders may be sent now."""
        return max(0, (self.requests_free() - KEPT_FREE) // _SEND_AND_LOOK_UP)

    def requests_free(self) -> int:
        """Return how many requests may be sent now before one is turned away."""
        with self._lock:
            now = self._elapsed_s()
            while self._sent and self._sent[0] <= now - WINDOW_S:
                self._sent.popleft()
            if self._wall_s() < self._shut_until_s:
                return 0
            by_count = self._limit - len(self._sent)
            by_broker = self._remaining if self._wall_s() < self._reset_s else self._limit
            return max(0, min(by_count, by_broker))

    def _believed(self, reset_s: int) -> float:
        return min(float(reset_s), self._wall_s() + RESET_WITHIN_S)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
