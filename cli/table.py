"""Tables that lose nothing where a line is short: text folds, numbers never do.

Where not even that fits, each row becomes a block of its own, a line for each value.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from rich.cells import cell_len
from rich.table import Table

Column: TypeAlias = str | tuple[str, str]
"""A heading, or a heading and ``right``: then its values are numbers."""

_GAP: Final = 2
_NAME_MAX: Final = 50
_WORD_MAX: Final = 24
"""Longer words may be broken: names, which one wants to copy, and in the last column's prose."""


def laid_out(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Return `rows` as a table of at most `width` columns that holds every character of them."""
    headings = [column if isinstance(column, str) else column[0] for column in columns]
    numbers = [not isinstance(column, str) and column[1] == "right" for column in columns]
    filled = list(zip(headings, *rows, strict=True))
    natural = [_widest(cell.split("\n") for cell in cells) for cells in filled]
    room = width - _GAP * (len(columns) - 1)
    if sum(natural) <= room:
        return _table(headings, numbers, natural, rows)
    unbroken = [_NAME_MAX] * (len(columns) - 1) + [_WORD_MAX]
    least = [
        width if number else min(most, _widest(cell.split() for cell in cells))
        for number, width, most, cells in zip(numbers, natural, unbroken, filled, strict=True)
    ]
    if sum(least) > room:
        return _blocks(headings, rows)
    return _table(headings, numbers, _narrowed(natural, least, room), rows)


def _narrowed(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return widths that fit: what is widest gives way first, and nothing below its least."""
    widths = list(natural)
    while sum(widths) > room:
        _, widest = max(
            (width, number) for number, width in enumerate(widths) if width > least[number]
        )
        widths[widest] -= 1
    return widths


def _widest(parts: Iterable[Sequence[str]]) -> int:
    return max((cell_len(part) for some in parts for part in some), default=0)


def _table(
    headings: Sequence[str],
    numbers: Sequence[bool],
    widths: Sequence[int],
    rows: Sequence[Sequence[str]],
) -> Table:
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="bold", pad_edge=False)
    for heading, number, width in zip(headings, numbers, widths, strict=True):
        table.add_column(
            heading,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number,
            width=width,
        )
    for row in rows:
        table.add_row(*row)
    return table


def _blocks(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, _GAP, 0, 0), show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for number, row in enumerate(rows):
        if number:
            table.add_row()
        for heading, cell in zip(headings, row, strict=True):
            table.add_row(heading, cell)
    return table
