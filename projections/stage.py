"""Rows on their way into PostgreSQL: a row type, the temporary table it is copied to, the merge.

A row is a `NamedTuple`; its annotations say the SQL types, so that the temporary table, the COPY
text and the merge cannot drift apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from events.values import PRECISION, Scale

Json = NewType("Json", str)
"""Text that is JSON already."""

Row = tuple[Any, ...]
"""A `NamedTuple` of one of the row types."""

_SQL_TYPES: Final[dict[object, str]] = {
    str: "TEXT",
    int: "BIGINT",
    bool: "BOOLEAN",
    UUID: "UUID",
    datetime: "TIMESTAMPTZ",
    date: "DATE",
    bytes: "BYTEA",
    Json: "JSONB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where rows of one type wait, inside a transaction, to be merged by `merges` (SQL), in turn.

    `name` is the temporary table's, or what rows are called that come as parameters. Merges name
    their tables without a schema, so that the same text fills another set of tables under another
    ``search_path``.
    """

    name: str
    row: type[Row]
    merges: tuple[str, ...]

    def create_sql(self) -> str:
        """Return the SQL that creates the temporary table, once per connection.

        Whoever fills it empties it. With ``ON COMMIT DELETE ROWS`` each commit that has touched one
        temporary table truncates all that the connection has: milliseconds, of 14.
        """
        return f"CREATE TEMP TABLE {self.name} ({self.columns_sql()})"

    def columns_sql(self) -> str:
        """Return the columns and their types, as ``CREATE TABLE`` takes them."""
        return ", ".join(f"{name} {kind}" for name, kind in sql_types(self.row))

    def told_sql(self) -> str:
        """Return a common table expression of the stage's name, of what `array_texts` returns."""
        columns = ", ".join(f"%s::{kind}[]" for _, kind in sql_types(self.row))
        return f"{self.name} ({columns_of(self.row)}) AS (SELECT * FROM unnest({columns}))"  # noqa: S608 -- as below

    def copy_sql(self) -> str:
        """Return the COPY statement that `copy_text` is meant for."""
        return f"COPY {self.name} ({columns_of(self.row)}) FROM STDIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherHalf:
    """Columns of a new row that another stage fills, by the SQL of their values over `joins`.

    They must be what that stage's own merge, which follows, would write: it then finds nothing
    left to do, where it would have written the whole row, JSON and all, once more.
    """

    columns: Mapping[str, str]
    joins: str


def columns_of(row: type[Row]) -> str:
    """Return a row type's columns as SQL lists them."""
    return ", ".join(name for name, _ in _hints(row))


def sql_types(row: type[Row]) -> list[tuple[str, str]]:
    """Return a row type's columns and their SQL types."""
    return [(name, _sql_type(hint)) for name, hint in _hints(row)]


def keep_first(
    table: str,
    stage: str,
    row: type[Row],
    *,
    key: Sequence[str],
    order: str,
    other: OtherHalf | None = None,
) -> str:
    """Return a merge in which, of several rows with one key, the one with the least `order` stays.

    It gives the same table in whatever order rows arrive and however batches are cut. A row in
    which `order` is null is one that only its other half has reached, and is filled in.

    A new row gets what the batch says of its `other` half at once.
    """
    columns = [name for name, _ in _hints(row)]
    others, beside = (other.columns, other.joins) if other else ({}, "")
    keys = ", ".join(key)
    values = [name if name in key else f"s.{name}" for name in columns] + list(others.values())
    changes = ",\n    ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return f"""
INSERT INTO {table} AS t ({", ".join((*columns, *others))})
SELECT DISTINCT ON ({keys}) {", ".join(values)}
FROM {stage} AS s{beside}
ORDER BY {keys}, s.{order}
ON CONFLICT ({keys}) DO UPDATE SET
    {changes}
WHERE t.{order} IS NULL OR excluded.{order} < t.{order}
"""  # noqa: S608 -- names from this folder's own row types, never from data


def _hints(row: type[Row]) -> list[tuple[str, object]]:
    return list(get_type_hints(row, include_extras=True).items())


def _sql_type(hint: object) -> str:
    if get_origin(hint) is Annotated:
        scale = get_args(hint)[1]
        if isinstance(scale, Scale):
            return f"NUMERIC({PRECISION}, {scale.digits})"
    if get_origin(hint) in (Union, UnionType):
        [some] = [argument for argument in get_args(hint) if argument is not NoneType]
        return _sql_type(some)
    if hint in _SQL_TYPES:
        return _SQL_TYPES[hint]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "TEXT"
    raise TypeError(f"{hint!r} has no SQL type")
