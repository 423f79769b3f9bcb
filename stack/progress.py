"""How a start tells what it is doing; never on standard output."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Listens to a start; called from several threads."""

    def note(self, sentence: str) -> None:
        """Hear one sentence for the user."""

    def downloading(
        self, what: str, total_bytes: int
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Open a progress bar; the function it gives takes the number of bytes just received."""


class Silent:
    """Tells nobody: for tests and other programs."""

    def note(self, sentence: str) -> None:
        """Drop the sentence."""

    @contextmanager
    def downloading(self, what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """Count nothing."""
        del what, total_bytes
        yield lambda _received: None
