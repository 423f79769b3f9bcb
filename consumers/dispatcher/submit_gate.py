"""The last thing before every POST: may this attempt still start?

Fencing cannot recall an HTTP request, nor one that a frozen process sends when it thaws. So each
attempt carries a window, asked for here on a clock that goes on while the machine sleeps and on
the wall clock: either one past refuses. It is asked for twice: before a connection is made, which
takes time, and when nothing is left to do but to write.

A halt is a hold on the same lock: it is taken before the halt is written, and what had started
before is named in it. A hold is raised at once and let go only by whoever took it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum
from threading import Condition
from typing import Final

from consumers.clock import Clock
from events.identifiers import ClientOrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When an attempt may start: before `until` by the wall clock and `until_elapsed_s` by ours."""

    until: datetime
    until_elapsed_s: float


class Level(IntEnum):
    """What a hold keeps back: nothing, whatever does not close a position, everything."""

    OPEN = 0
    CLOSING_ONLY = 1
    CLOSED = 2


class Holder(Enum):
    """Who holds the gate: the account's status, a halt about to be written, the break-glass."""

    STATUS = "status"
    COMMAND = "command"
    DECISION = "decision"
    OUTCOME = "outcome"
    RECONCILING = "reconciling"
    GLASS = "break-glass"


class Refused(Enum):
    """Why an attempt must not start, by what follows from it."""

    SHUT = "the seat is given up: its fate is for the next owner"
    HELD = "trading is held: it was never sent, and will not be"
    LATE = "its window has passed: it may be sent again"


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an attempt must not start, and why in words."""

    kind: Refused
    why: str


@dataclass(frozen=True, slots=True)
class _Hold:
    level: Level
    reason: str


_NO_HOLD: Final = _Hold(Level.OPEN, "")


class SubmitGate:
    """A lock shared by all submitters of one seat: once shut or held, no POST starts any more."""

    def __init__(self, clock: Clock, glass: Callable[[], str | None] = lambda: None) -> None:
        """Be open; `glass` is asked before each attempt for a reason to hold everything."""
        self._clock = clock
        self._glass = glass
        self._changed = Condition()
        self._shut: str | None = None
        self._holds: dict[Holder, _Hold] = {}
        self._under_way: set[ClientOrderId] = set()

    @property
    def level(self) -> Level:
        """Return the strictest of all holds."""
        with self._changed:
            return self._strictest().level

    @contextmanager
    def attempt(self, order: ClientOrderId) -> Iterator[None]:
        """Let `order` be started within this block; at its end it is under way no more."""
        try:
            yield
        finally:
            with self._changed:
                self._under_way.discard(order)
                self._changed.notify_all()

    def refusal(self, window: Window, *, closes: bool) -> Refusal | None:
        """Return why an attempt must not start, None where it may for now.

        `closes` says that the order closes a position.
        """
        with self._changed:
            return self._refusal(window, closes=closes)

    def start(self, order: ClientOrderId, window: Window, *, closes: bool) -> Refusal | None:
        """Return why `order` must not go out; if it may, it is under way from here on."""
        with self._changed:
            refusal = self._refusal(window, closes=closes)
            if refusal is None:
                self._under_way.add(order)
            return refusal

    def shut(self, reason: str) -> frozenset[ClientOrderId]:
        """Let nothing start from now on; return what had started before."""
        with self._changed:
            self._shut = reason
            return frozenset(self._under_way)

    def hold(self, holder: Holder, level: Level, reason: str) -> frozenset[ClientOrderId]:
        """Keep attempts back for `holder`, no less than it did; return what had started before."""
        with self._changed:
            if level > self._holds.get(holder, _NO_HOLD).level:
                self._holds[holder] = _Hold(level, reason)
            return frozenset(self._under_way)

    def follow(self, level: Level, reason: str) -> None:
        """Hold for the account's status exactly what it forbids, no more."""
        with self._changed:
            self._holds[Holder.STATUS] = _Hold(level, reason)

    def release(self, holder: Holder) -> None:
        """Let `holder`'s hold go."""
        with self._changed:
            self._holds.pop(holder, None)

    def look_at_glass(self) -> str | None:
        """Return why everything is held by the break-glass: now, or since it was seen."""
        with self._changed:
            self._take_glass()
            hold = self._holds.get(Holder.GLASS)
            return None if hold is None else hold.reason

    def keeps_back(self, *, closes: bool) -> str | None:
        """Return why an order would be kept back at this moment, None where it would not."""
        with self._changed:
            return self._kept_back(closes=closes)

    def drained(self, timeout_s: float) -> bool:
        """Wait until nothing is under way; say whether that came true in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, timeout_s)

    def _refusal(self, window: Window, *, closes: bool) -> Refusal | None:
        if self._shut is not None:
            return Refusal(Refused.SHUT, f"the gate is shut: {self._shut}")
        self._take_glass()
        kept_back = self._kept_back(closes=closes)
        if kept_back is not None:
            return Refusal(Refused.HELD, kept_back)
        if self._clock.elapsed_s() >= window.until_elapsed_s:
            why = "its window to be sent has passed while this process did not run"
            return Refusal(Refused.LATE, why)
        if self._clock.now() >= window.until:
            return Refusal(Refused.LATE, "its window to be sent has passed by the wall clock")
        return None

    def _take_glass(self) -> None:
        reason = self._glass()
        if reason is not None:
            self._holds[Holder.GLASS] = _Hold(Level.CLOSED, reason)

    def _kept_back(self, *, closes: bool) -> str | None:
        hold = self._strictest()
        allowed = Level.CLOSING_ONLY if closes else Level.OPEN
        return hold.reason if hold.level > allowed else None

    def _strictest(self) -> _Hold:
        return max(self._holds.values(), key=lambda hold: hold.level, default=_NO_HOLD)
