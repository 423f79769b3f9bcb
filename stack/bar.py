"""Show a start in the terminal: notes and download bars on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class TerminalProgress:
    """Prints each note, and one bar per download. A context: the bars end with it."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars.live.is_started:  # stopping what never started would print an empty line
            self._bars.stop()

    def note(self, sentence: str) -> None:
        """Print a sentence."""
        self._console.print(sentence, soft_wrap=True, markup=False)

    @contextmanager
    def downloading(self, what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """Show a bar until the download ends."""
        if not self._console.is_terminal:
            self.note(f"Downloading {what} ({total_bytes / 1e6:.0f} MB), needed once.")
            yield lambda _received: None
            return
        task = self._bars.add_task(what, total=total_bytes)
        self._bars.start()
        yield lambda received: self._bars.update(task, advance=received)
