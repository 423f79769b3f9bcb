"""Rows as PostgreSQL reads them: lines for COPY, arrays as parameters.

Every value of every row comes by here: what is slow to write and often the same is remembered.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import NoneType
from typing import Any, Final
from uuid import UUID

from projections.stage import Row

_REMEMBERED: Final = 4096
_NULL: Final = "\\N"


def copy_text(rows: Iterable[Row]) -> bytes:
    """Return rows as COPY reads them. A NUL, which PostgreSQL cannot store, becomes U+FFFD.

    Raises:
        TypeError: A value has a type that no column takes.
    """
    return "".join(["\t".join(copy_fields(row)) + "\n" for row in rows]).encode()


def copy_fields(row: Row) -> list[str]:
    """Return a row's values as COPY reads them, for whoever puts lines together of parts.

    Raises:
        TypeError: A value has a type that no column takes.
    """
    return [_NULL if value is None else _TEXT[type(value)](value) for value in row]


def array_texts(rows: Sequence[Row]) -> list[str]:
    """Return rows column by column, each as the text of an array of PostgreSQL.

    Raises:
        TypeError: A value has a type that no column takes.
    """
    return [
        f"{{{','.join([_ELEMENT[type(value)](value) for value in column])}}}"
        for column in zip(*rows, strict=True)
    ]


def _escaped(text: str) -> str:
    if (  # a search by pattern takes twenty times as long over a kilobyte of JSON
        "\\" not in text
        and "\t" not in text
        and "\n" not in text
        and "\r" not in text
        and "\0" not in text
    ):
        return text
    return (
        text.replace("\\", "\\\\")
        .replace("\t", "\\t")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\0", "\ufffd")
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\ufffd")
    return f'"{escaped}"'


class _Renderers(dict[type, Callable[[Any], str]]):
    def __missing__(self, kind: type) -> Callable[[Any], str]:
        if not issubclass(kind, StrEnum):
            raise TypeError(f"{kind.__name__} has no place in a row")
        self[kind] = self[str]
        return self[kind]


_TEXT: Final = _Renderers(
    {
        str: _escaped,
        int: str,
        bool: lambda value: "t" if value else "f",
        Decimal: str,
        UUID: lambda value: value.hex,
        datetime: lru_cache(_REMEMBERED)(datetime.isoformat),
        date: date.isoformat,
        bytes: lambda value: f"\\\\x{value.hex()}",
    }
)

_ELEMENT: Final = _Renderers(
    {
        **_TEXT,
        NoneType: lambda _: "NULL",
        str: _quoted,
        bytes: lambda value: f'"\\\\x{value.hex()}"',
    }
)
