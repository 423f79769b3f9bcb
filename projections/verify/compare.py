"""A table held against the rows that the log says it must hold, field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from projections.session import Connection
from projections.verify.fold import KEYS, ExpectedTable
from projections.verify.json_values import loads, same, storable

_ROWS_AT_ONCE = 2000
_ALL: Final = sql.SQL("TRUE")


class Kind(StrEnum):
    """What is wrong with a row."""

    DIFFERENT = "different"
    MISSING = "missing"
    SURPLUS = "surplus"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """One column: what the table says, and what the log says."""

    column: str
    table: object
    log: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row that is not what the log says. Missing: not in the table; surplus: not in the log."""

    table: str
    key: Mapping[str, object]
    kind: Kind
    fields: tuple[FieldDifference, ...] = ()


def differences(
    connection: Connection, table: str, expected: ExpectedTable, where: sql.Composable = _ALL
) -> Iterator[Difference]:
    """Yield what differs between `table`, in the caller's transaction, and `expected`.

    It empties `expected` on its way, and looks at rows `where` an SQL condition holds.
    """
    for difference, _ in differing_rows(connection, table, expected, where):
        if difference is not None:
            yield difference


def differing_rows(
    connection: Connection, table: str, expected: ExpectedTable, where: sql.Composable = _ALL
) -> Iterator[tuple[Difference | None, Mapping[str, Any]]]:
    """Yield every row, None beside one that is right; a missing one as the log has it."""
    set_json_loads(loads, connection)
    key_columns = KEYS[table]
    with connection.cursor("verify", row_factory=dict_row) as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        query = sql.SQL("SELECT * FROM {} WHERE {}").format(sql.Identifier(table), where)
        for row in cursor.execute(query):
            key = tuple(row[column] for column in key_columns)
            wanted = expected.pop(key, None)
            named = dict(zip(key_columns, key, strict=True))
            if wanted is None:
                yield Difference(table=table, key=named, kind=Kind.SURPLUS), row
            elif fields := _fields(row, wanted):
                kind = Kind.DIFFERENT
                yield Difference(table=table, key=named, kind=kind, fields=fields), wanted
            else:
                yield None, row
    for key, wanted in expected.items():
        named = dict(zip(key_columns, key, strict=True))
        yield Difference(table=table, key=named, kind=Kind.MISSING), wanted


def _fields(row: dict[str, Any], wanted: Mapping[str, Any]) -> tuple[FieldDifference, ...]:
    columns = [*row, *(column for column in wanted if column not in row)]
    return tuple(
        FieldDifference(column=column, table=row.get(column), log=wanted.get(column))
        for column in columns
        if not same(row.get(column), _as_kept(wanted.get(column)))
    )


def _as_kept(value: object) -> object:
    """Return a value as a column keeps it, whichever text it is: see `storable`."""
    return storable(value) if type(value) is str else value
