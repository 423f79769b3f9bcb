"""How many requests an account may make in a minute, or in what a test makes of one."""

from dataclasses import dataclass
from typing import Final

MINUTE_S: Final = 60


@dataclass(slots=True)
class RateWindow:
    """A fixed window, on the wall clock that clients compare it with (seconds)."""

    limit: int = 200
    length_s: int = MINUTE_S
    reset_at: int = 0
    used: int = 0

    def take(self, now: int) -> bool:
        """Count a request; tell whether it is still within the limit."""
        if now >= self.reset_at:
            self.reset_at, self.used = now + self.length_s, 0
        self.used += 1
        return self.used <= self.limit

    def headers(self) -> dict[str, str]:
        """Return what every answer tells about the window."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(self.reset_at),
        }
