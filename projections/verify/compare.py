"""A table held against the rows that the log says it must hold, field by field."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final

from psycopg import sql
from psycopg.types.string import TextLoader

from projections.session import Connection, Cursor
from projections.verify.fold import KEYS, TRUTHS, ExpectedRow, ExpectedTable, Key
from projections.verify.json_values import Json, loads, same, storable

_ROWS_AT_ONCE: Final = 2000
_ALL: Final = sql.SQL("TRUE")
_JSON: Final = ("json", "jsonb")


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
    query = sql.SQL("SELECT * FROM {} WHERE {}").format(sql.Identifier(table), where)
    for difference, _ in differing_rows(connection, table, expected, query, Counter()):
        yield difference


def differing_rows(
    connection: Connection,
    table: str,
    expected: ExpectedTable,
    query: sql.Composed,
    met: Counter[str],
) -> Iterator[tuple[Difference, Mapping[str, Any]]]:
    """Yield what differs of the rows that `query` brings, each once, and those that `table` lacks.

    Each comes beside its row: as the log has it, a surplus one as the table has.
    `met` counts the rows that the table has, right or wrong.
    """
    with connection.cursor("verify") as cursor:
        for name in _JSON:
            cursor.adapters.register_loader(name, TextLoader)
        columns = _Columns.of(cursor.execute(query), KEYS[table])
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            met[table] += len(rows)
            for row in rows:
                key = columns.key(row)
                wanted = expected.pop(key, None)
                if wanted is None:
                    told = columns.told(row)
                    named = dict(zip(KEYS[table], key, strict=True))
                    yield Difference(table=table, key=named, kind=Kind.SURPLUS), told
                elif not columns.are(wanted, row) and (fields := columns.differing(wanted, row)):
                    named = dict(zip(KEYS[table], key, strict=True))
                    kind = Kind.DIFFERENT
                    yield Difference(table=table, key=named, kind=kind, fields=fields), wanted
    for key, wanted in expected.items():
        named = dict(zip(KEYS[table], key, strict=True))
        yield Difference(table=table, key=named, kind=Kind.MISSING), wanted


@dataclass(frozen=True, slots=True)
class _Columns:
    """What a query returns: the columns' names, and at which places are keys, JSON and truths."""

    names: tuple[str, ...]
    known: frozenset[str]
    key: Callable[[tuple[Any, ...]], Key]
    json: tuple[int, ...]
    truths: tuple[int, ...]

    @classmethod
    def of(cls, cursor: Cursor, key: tuple[str, ...]) -> "_Columns":
        """Return the columns of a query that was executed."""
        described = cursor.description or []
        names = tuple(column.name for column in described)
        at = [names.index(name) for name in key]
        return cls(
            names,
            frozenset(names),
            itemgetter(*at) if len(at) > 1 else itemgetter(slice(at[0], at[0] + 1)),
            tuple(at for at, one in enumerate(described) if one.type_display in _JSON),
            tuple(
                at
                for at, one in enumerate(described)
                if one.type_display == "bool" or one.name in TRUTHS
            ),
        )

    def are(self, wanted: ExpectedRow, row: tuple[Any, ...]) -> bool:
        """Say whether `row` is what is wanted, at a glance: where it is not it still may be."""
        if not wanted.keys() <= self.known:
            return False
        values = [*map(wanted.get, self.names)]
        for at in self.json:
            value, shown = values[at], row[at]
            if value is not None and shown is not None and value.is_shown_as(shown):
                values[at] = shown
        # To Python true is 1 as well, and nothing else is one of the two.
        return tuple(values) == row and all(values[at] is row[at] for at in self.truths)

    def differing(self, wanted: ExpectedRow, row: tuple[Any, ...]) -> tuple[FieldDifference, ...]:
        """Return the fields that are not what is wanted, one by one."""
        told = self.told(row)
        names = [*self.names, *(name for name in wanted if name not in self.known)]
        return tuple(
            FieldDifference(column=name, table=told.get(name), log=plain(wanted.get(name)))
            for name in names
            if not same(told.get(name), _as_kept(plain(wanted.get(name))))
        )

    def told(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """Return a row as values by their columns."""
        values = list(row)
        for at in self.json:
            values[at] = None if values[at] is None else loads(values[at])
        return dict(zip(self.names, values, strict=True))


def plain(value: object) -> object:
    """Return what is expected of a column as a value, JSON as `loads` returns it."""
    return value.value if isinstance(value, Json) else value


def _as_kept(value: object) -> object:
    """Return a value as a column keeps it, whichever text it is: see `storable`."""
    return storable(value) if type(value) is str else value
