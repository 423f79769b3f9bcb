"""A clock for tests of waiting: nobody sleeps."""

from datetime import datetime

from tests.builders import NOW


class HandMovedClock:
    """Seconds that pass when the test says so; the time of day stands still."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return NOW

    def elapsed_s(self) -> float:
        return self.seconds
