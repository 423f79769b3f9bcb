from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stack.up import StackAddresses


@dataclass(slots=True)
class Listener:
    """Keeps what a start or stop says."""

    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    @contextmanager
    def downloading(self, what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        self.notes.append(f"downloading {what} ({total_bytes} bytes)")
        yield lambda _received: None


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that a test may kill and start again, as long as it leaves it running."""

    directory: Path
    addresses: StackAddresses
