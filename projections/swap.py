"""The swap: live rows made equal to new ones, where they differ.

What differs is found out beforehand, while the live projector goes on: of both sets of tables as
they stood at the same checkpoints. What events touched since is looked at again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from psycopg import sql

from projections.checkpoints import Partition
from projections.copying import copy_text
from projections.projection import Projection
from projections.session import Connection

_COLUMNS: Final = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::REGCLASS AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""
_KEY: Final = """
SELECT a.attname
FROM (
    SELECT indrelid, indkey
    FROM pg_index
    WHERE indrelid = %s::REGCLASS
      AND indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL
    ORDER BY indisprimary DESC, indexrelid
    LIMIT 1
) AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
"""
_NOTE: Final = """
INSERT INTO {shadow}.{noted}
SELECT {live_key} FROM {table} AS l WHERE NOT EXISTS (
    SELECT FROM {shadow}.{table} AS s WHERE {same_key} AND s.*::RECORD *= l.*::RECORD
)
UNION
SELECT {new_key} FROM {shadow}.{table} AS s WHERE NOT EXISTS (
    SELECT FROM {table} AS l WHERE {same_key}
)
"""
_BY_KEY: Final = """
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_seqscan = off;
"""
"""Look each row up by its key. A hash or a sort would hold the rows of one side whole, JSON and
all, on the disk: of ten million events more than a third set of tables takes."""
_AS_EVER: Final = """
SET LOCAL enable_hashjoin TO DEFAULT;
SET LOCAL enable_mergejoin TO DEFAULT;
SET LOCAL enable_seqscan TO DEFAULT;
"""
_NOTE_TOUCHED: Final = """
INSERT INTO {shadow}.{noted}
SELECT {live_key} FROM {table} AS l WHERE EXISTS (
    SELECT FROM pg_temp.{touched} AS s WHERE {same_about}
)
UNION
SELECT {new_key} FROM {shadow}.{table} AS s WHERE EXISTS (
    SELECT FROM pg_temp.{touched} AS l WHERE {same_about}
)
"""
_DELETE: Final = """
DELETE FROM {table} AS l
WHERE EXISTS (SELECT FROM {shadow}.{noted} AS s WHERE {same_key})
  AND NOT EXISTS (
    SELECT FROM {shadow}.{table} AS s WHERE {same_key} AND s.*::RECORD *= l.*::RECORD
)
"""
_INSERT: Final = """
INSERT INTO {table} ({columns})
SELECT {columns} FROM {shadow}.{table} AS s
WHERE EXISTS (SELECT FROM {shadow}.{noted} AS l WHERE {same_key})
  AND NOT EXISTS (SELECT FROM {table} AS l WHERE {same_key})
"""

# A partition that the live projector takes up at this very moment keeps its own beginning: it
# applies once more what is there already, which changes nothing.
_BEGIN: Final = """
INSERT INTO projection_checkpoints SELECT * FROM {}.projection_checkpoints ON CONFLICT DO NOTHING
"""


ABOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "dispatch_orders": ("account_name", "client_order_id"),
    "dispatch_fills": ("account_name", "client_order_id"),
    "dispatch_executions": ("recommendation_id", "account_name"),
    "recommendation_status": ("recommendation_id", "account_name"),
    "dispatch_recommendations": ("id",),
    "dispatch_failures": ("event_id",),
    "dead_letters": ("log_topic", "log_partition", "log_offset"),
    "dispatcher_runs": ("account_name", "run_id"),
    "account_positions": ("account_name",),
    "account_state": ("account_name",),
    "legacy_executions": ("account_name", "execution_id"),
}
"""Columns of every staged row that say which rows of a table it can change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A parked event's place; `failure_id` only on one that failed."""

    topic: str
    partition: int
    log_offset: int
    failure_id: UUID | None


class Swap:
    """The one transaction in which rows, parks and checkpoints change over."""

    def __init__(
        self,
        connection: Connection,
        projection: Projection,
        schema: str,
        checkpoints: Mapping[Partition, int],
    ) -> None:
        """Stand where the live tables stand: at `checkpoints`, which nobody can move now."""
        self._connection = connection
        self._projection = projection
        self._schema = schema
        self.checkpoints = checkpoints

    def parked_live(self) -> list[Parked]:
        """Return what is parked in the live tables."""
        return self._parked(sql.Identifier("parked_events"))

    def parked_in_shadow(self) -> list[Parked]:
        """Return what the new tables could not take."""
        return self._parked(sql.Identifier(self._schema, "parked_events"))

    def contents(self, touched: Mapping[str, Iterable[tuple[object, ...]]]) -> int:
        """Make the live tables equal to the new ones; return how many rows were written.

        Rows that `comparing` noted are looked at, and those that were `touched` since, by table:
        values of the columns in `ABOUT`.
        """
        changed = 0
        for table in self._projection.tables:
            name = sql.Identifier(table)
            self._connection.execute(
                sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(name)
            )
        for table in self._projection.tables:
            changed += self._copy(table, list(touched.get(table, ())))
        shadow = sql.Identifier(self._schema)
        self._connection.execute(
            "DELETE FROM parked_events WHERE projection = %s", (self._projection.name,)
        )
        self._connection.execute(
            sql.SQL("INSERT INTO parked_events SELECT * FROM {}.parked_events").format(shadow)
        )
        self._connection.execute(sql.SQL(_BEGIN).format(shadow))
        # what was folded until now may hold what the new rows leave out
        self._connection.execute(
            "DELETE FROM projection_folds WHERE projection = %s", (self._projection.name,)
        )
        return changed

    def _copy(self, table: str, touched: list[tuple[object, ...]]) -> int:
        names = _names(self._connection, self._schema, table)
        names["columns"] = live_columns(self._connection, table)
        if touched:
            names["touched"] = self._copy_touched(table, touched)
            names["same_about"] = _same(ABOUT[table])
            self._connection.execute(sql.SQL(_NOTE_TOUCHED).format(**names))
        deleted = self._connection.execute(sql.SQL(_DELETE).format(**names)).rowcount
        return deleted + self._connection.execute(sql.SQL(_INSERT).format(**names)).rowcount

    def _copy_touched(self, table: str, touched: list[tuple[object, ...]]) -> sql.Identifier:
        """Copy keys to a table to join with: as literals a few thousand would take minutes."""
        name = sql.Identifier(f"touched_{table}")
        columns = _listed(ABOUT[table])
        self._connection.execute(
            sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                name, columns, sql.Identifier(table)
            )
        )
        query = sql.SQL("COPY pg_temp.{} ({}) FROM STDIN").format(name, columns)
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.write(copy_text(touched))
        self._connection.execute(sql.SQL("ANALYZE pg_temp.{}").format(name))
        return name

    def _parked(self, table: sql.Identifier) -> list[Parked]:
        found = self._connection.execute(
            sql.SQL(
                "SELECT topic, partition, log_offset, failure_id FROM {} WHERE projection = %s"
                " ORDER BY topic, partition, log_offset"
            ).format(table),
            (self._projection.name,),
        ).fetchall()
        return [
            Parked(
                topic=str(topic),
                partition=int(str(number)),
                log_offset=int(str(offset)),
                failure_id=failed if isinstance(failed, UUID) else None,
            )
            for topic, number, offset, failed in found
        ]


def live_columns(connection: Connection, table: str) -> sql.Composed:
    """Return a live table's columns as SQL lists them, without what PostgreSQL works out itself."""
    return _listed(str(name) for (name,) in connection.execute(_COLUMNS, (table,)))


def prepare(connection: Connection, projection: Projection, schema: str) -> None:
    """Make empty tables for the keys of rows that differ."""
    with connection.transaction():
        for table in projection.tables:
            names = _names(connection, schema, table)
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {shadow}.{noted}").format(**names))
            connection.execute(
                sql.SQL(
                    "CREATE UNLOGGED TABLE {shadow}.{noted} AS SELECT {live_key} FROM {table} AS l"
                    " WITH NO DATA"
                ).format(**names)
            )


def note_differences(connection: Connection, projection: Projection, schema: str) -> None:
    """Note the keys of rows that differ, as the caller's transaction sees both sets of tables."""
    connection.execute(_BY_KEY)
    for table in projection.tables:
        names = _names(connection, schema, table)
        connection.execute(sql.SQL(_NOTE).format(**names))
    connection.execute(_AS_EVER)


def settle(connection: Connection, projection: Projection, schema: str) -> None:
    """Let PostgreSQL learn how much was noted, or it plans the swap for anything."""
    for table in projection.tables:
        names = _names(connection, schema, table)
        connection.execute(sql.SQL("ANALYZE {shadow}.{noted}").format(**names))


def _names(connection: Connection, schema: str, table: str) -> dict[str, sql.Composable]:
    key = [str(column) for (column,) in connection.execute(_KEY, (table,)).fetchall()]
    return {
        "table": sql.Identifier(table),
        "noted": sql.Identifier(f"noted_{table}"),
        "shadow": sql.Identifier(schema),
        "live_key": _listed(key, "l."),
        "new_key": _listed(key, "s."),
        "same_key": _same(key),
    }


def _listed(columns: Iterable[str], of: LiteralString = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(of + "{}").format(sql.Identifier(one)) for one in columns)


def _same(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("s.{0} = l.{0}").format(sql.Identifier(column)) for column in columns
    )
