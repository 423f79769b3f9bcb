"""The last thing before every POST: may this attempt still start?

Fencing cannot recall an HTTP request, nor one that a frozen process sends when it thaws. So each
attempt carries a window, asked for here on a clock that goes on while the machine sleeps and on
the wall clock: either one past refuses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Condition

from consumers.clock import Clock
from events.identifiers import ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When an attempt may start: before `until` by the wall clock and `until_elapsed_s` by ours."""

    until: datetime
    until_elapsed_s: float


class SubmitGate:
    """A lock shared by all submitters of one seat: once shut, no POST starts any more."""

    def __init__(self, clock: Clock) -> None:
        """Be open."""
        self._clock = clock
        self._changed = Condition()
        self._shut: str | None = None
        self._under_way: set[ClientOrderId] = set()

    @property
    def is_shut(self) -> bool:
        """Say whether this seat submits nothing any more."""
        return self._shut is not None

    @contextmanager
    def attempt(self, order: ClientOrderId, window: Window) -> Iterator[str | None]:
        """Count an attempt as under way and yield None, or yield why it must not start."""
        with self._changed:
            refusal = self._refusal(window)
            if refusal is None:
                self._under_way.add(order)
        try:
            yield refusal
        finally:
            with self._changed:
                self._under_way.discard(order)
                self._changed.notify_all()

    def shut(self, reason: str) -> frozenset[ClientOrderId]:
        """Let nothing start from now on; return what had started before."""
        with self._changed:
            self._shut = reason
            return frozenset(self._under_way)

    def drained(self, timeout_s: float) -> bool:
        """Wait until nothing is under way; say whether that came true in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, timeout_s)

    def _refusal(self, window: Window) -> str | None:
        if self._shut is not None:
            return f"the gate is shut: {self._shut}"
        if self._clock.elapsed_s() >= window.until_elapsed_s:
            return "its window to be sent has passed while this process did not run"
        if self._clock.now() >= window.until:
            return "its window to be sent has passed by the wall clock"
        return None
