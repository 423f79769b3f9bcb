"""Rows that need no merge: all that a stretch of one topic says of a key, put together in memory.

Merges give the same tables in whatever order and portions rows come. So a portion may be merged
here, and what another portion says of the same key afterwards by SQL. Only what is plain is
finished; everything unusual is left to the merges, which decide it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from projections.stage import Row


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of COPY's text format for `columns` of a table."""

    columns: str
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Finished:
    """Finished rows by table, the staged rows that are left for the merges, and what was finished.

    `keys` are pairs of an account and what `Finisher.known_sql` looks for; `joined` are rows of one
    type, which `Finisher.join_sql` finishes with what the same transaction has written.
    """

    tables: Mapping[str, Lines]
    left: Sequence[Row]
    keys: Sequence[tuple[str, Any]] = ()
    joined: Sequence[Row] = ()


class Finisher(Protocol):
    """Finish one topic's rows, stretch by stretch; no key is finished twice."""

    taken_sql: str
    """A query for the keys that the tables already hold, for one account or all."""

    known_sql: str
    """A query that counts what tables hold of `Finished.keys`: `accounts` and `keys` are arrays."""

    join_sql: str
    """A statement that writes `Finished.joined`: a parameter for each column, as an array."""

    def take(self, keys: Iterable[tuple[object, ...]]) -> None:
        """Remember keys that were finished before this process began."""
        ...

    def finish(self, rows: Sequence[Row]) -> Finished:
        """Return what becomes of `rows`, which stand in the topic's order.

        Raises:
            TypeError: A value has a type that no column takes.
        """
        ...
