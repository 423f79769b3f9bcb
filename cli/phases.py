"""Where a long command stands: a bar on a terminal, elsewhere a line now and then; on stderr."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Final, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

EVERY_S: Final = 10.0

Show = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A phase, and how much of it was done after so long; `ahead` was there when it began."""

    phase: str
    done: int
    total: int
    phase_s: float
    ahead: int = 0


def in_words(title: str, at: Standing, elapsed_s: float) -> str:
    """Return where it stands, as one line: how much, since when, for how long still."""
    said = f"{title}: {at.phase}, {at.done:,} of {at.total:,}, {_time(elapsed_s)}"
    passed = at.done - at.ahead
    if passed <= 0:
        return said
    left_s = at.phase_s * (at.total - at.done) / passed
    return f"{said}, about {_time(left_s)} left of that"


@contextmanager
def phases(title: str, stream: TextIO | None = None, every_s: float = EVERY_S) -> Iterator[Show]:
    """Tell on `stream` (stderr when None) where the block stands, while it runs.

    On a terminal a bar moves, with the time left. Elsewhere there is a line every `every_s`
    seconds, whether anything moves or not.
    """
    console = Console(file=stream, stderr=stream is None)
    with (
        _on_a_terminal(console, title)
        if console.is_terminal
        else _in_lines(console, title, every_s) as show
    ):
        yield show


@contextmanager
def _on_a_terminal(console: Console, title: str) -> Iterator[Show]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        expand=True,
    ) as shown:
        task = shown.add_task(title, total=None)
        now = ""

        def show(phase: str, done: int, total: int) -> None:
            nonlocal now
            if phase != now:  # the speed of another phase says nothing about this one's end
                shown.reset(task, completed=done, total=total, description=phase)
                shown.refresh()
                now = phase
            shown.update(task, completed=done, total=total)

        yield show


@contextmanager
def _in_lines(console: Console, title: str, every_s: float) -> Iterator[Show]:
    began = phase_began = time.monotonic()
    at = Standing("begins", 0, 0, 0.0)
    over = Event()

    def show(phase: str, done: int, total: int) -> None:
        nonlocal at, phase_began
        now = time.monotonic()
        if phase != at.phase:
            phase_began = now
            at = Standing(phase, done, total, 0.0, done)
        else:
            at = Standing(phase, done, total, now - phase_began, at.ahead)

    def tell() -> None:
        while not over.wait(every_s):
            line = in_words(title, at, time.monotonic() - began)
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    teller = Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield show
    finally:
        over.set()
        teller.join()


def _time(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
