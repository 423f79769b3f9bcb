"""A historical run's clock, and the proof that no order can leave while it runs."""

from datetime import datetime

from accounts.state import AccountState
from brokers.simulated import SimulatedBroker
from consumers.clock import Clock, elapsed_s


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
        return elapsed_s()

    def move_to(self, moment: datetime) -> None:
        """Move on; the past stays past."""
        self._now = max(self._now, moment)


def go_by_history(clock: Clock, state: AccountState) -> None:
    """Let a historical clock stand where the account's log has left off."""
    if isinstance(clock, HistoricalClock) and state.clock_at is not None:
        clock.move_to(state.clock_at)
