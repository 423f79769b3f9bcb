"""What commands share: their options, tables that fit 80 columns, JSON, progress on stderr."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from cli.table import Column, laid_out
from consumers.logs import LogFormat

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]
FromTables = Annotated[
    bool,
    typer.Option(
        "--tables", help="From the projected tables, which may be behind; Kafka may be down."
    ),
]
AtLeast = Annotated[
    int | None,
    typer.Option(
        "--at-least",
        min=0,
        metavar="OFFSET",
        help="Wait until the tables hold the account's log before it, 30 s at most.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="The configuration; else DISPATCHER_CONFIG, else ./dispatcher.toml.",
        show_default=False,
    ),
]
Logs = Annotated[
    LogFormat | None,
    typer.Option(
        "--log-format",
        help="How log lines look; else console on a terminal, json elsewhere.",
        show_default=False,
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")]

_WIDTH: Final = 80


def print_json(data: object) -> None:
    """Write one JSON document to stdout; decimals, times and ids as text."""
    sys.stdout.write(json.dumps(plain(data), indent=2, ensure_ascii=False) + "\n")


def plain(value: object) -> Any:  # noqa: ANN401 -- any JSON
    """Return `value` as what JSON can say: dataclasses as objects, decimals exactly, as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else _text(value)


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return exact(value)
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    return str(value)


def exact(value: Decimal) -> str:
    """Return a decimal without exponent and without zeros that say nothing."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def dollars(value: Decimal) -> str:
    """Return US dollars for a reader: ``1,234.50``; what rounds to nothing has no sign."""
    return f"{value:z,.2f}"


def moment(value: datetime | None) -> str:
    """Return a time for a reader: UTC, to the second; ``-`` for none."""
    return "-" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to stdout; what is too long folds, numbers stand right and whole."""
    console = _console()
    cells = [[_cell(value) for value in row] for row in rows]
    console.print(laid_out(columns, cells, console.width))


def say(text: str = "", *, to_copy: bool = False) -> None:
    """Write a line for a reader to stdout, folded at words; what is indented hangs.

    A command that is `to_copy` stays one line however long it is.
    """
    console = _console()
    indent = text[: len(text) - len(text.lstrip(" "))]
    if indent and not to_copy and "\n" not in text:
        text = fill(
            text,
            console.width,
            subsequent_indent=f"{indent}  ",
            break_on_hyphens=False,
        )
    console.print(text, markup=False, soft_wrap=to_copy or bool(indent))


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator["Bar"]:
    """Show a bar on stderr while the block runs; silent where stderr is no terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as shown:
        yield Bar(shown, shown.add_task(title, total=total))


def snapshot_note(account: str) -> Callable[[str], None]:
    """Return what tells a reader, on stderr, why the account's snapshot is ignored."""

    def note(reason: str) -> None:
        sys.stderr.write(
            f"warning: the snapshot of {account} is ignored and its whole log read: {reason}\n"
        )

    return note


class Bar:
    """One bar; `show` moves it."""

    def __init__(self, shown: Progress, task: TaskID) -> None:
        self._shown = shown
        self._task = task

    def show(self, done: int, total: int | None = None, title: str | None = None) -> None:
        """Move to `done`, of `total` when it is known by now."""
        if total is not None:
            self._shown.update(self._task, total=total)
        self._shown.update(self._task, completed=done, description=title, visible=True)

    def hide(self) -> None:
        """Take it away until it is shown again: something else is about to be written."""
        self._shown.update(self._task, visible=False)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return exact(value)
    if isinstance(value, datetime):
        return moment(value)
    return str(value)


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False, width=_console_width())


def _console_width() -> int | None:
    return None if sys.stdout.isatty() else _WIDTH
