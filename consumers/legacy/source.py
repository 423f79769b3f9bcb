"""The old tables, read once as they are at one moment; nothing is changed there.

Rows come as JSON text that PostgreSQL writes: whatever columns a table has, and whatever is in
them (a NaN, a time beyond the calendar), can be looked at here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql

from consumers.errors import BadInputError, ConfigurationError, ServiceUnreachable
from consumers.legacy.rows import BLANK, Judged, judged
from consumers.settings_values import require_connection_string

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_CONNECT_TIMEOUT_S: Final = 6
_FETCHED_AT_ONCE: Final = 500
_PAIRS: Final = (
    # migration 1003 moves what has no event behind it aside
    ("dispatch_executions_legacy", "dispatch_recommendations_legacy"),
    ("dispatch_executions", "dispatch_recommendations"),
)
_NEEDED: Final = frozenset({"execution_id", "recommendation_id", "simulated_ts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OldTable:
    """A table of old executions, how many rows it has, and whether they can name an account."""

    executions: str
    recommendations: str | None
    names_accounts: bool
    rows: int
    only_unprojected: bool
    only_unprojected_advice: bool


class OldLedger:
    """Both old tables, as they were when this was opened."""

    def __init__(self, connection: Connection) -> None:
        """Find the tables.

        Raises:
            ConfigurationError: They are not there, or not those of the replaced service.
        """
        self._connection = connection
        self._cursors = 0
        self.tables: Final = tuple(self._found())
        if not self.tables:
            raise ConfigurationError(
                "there is no table dispatch_executions in that database (or its search_path): "
                "does --dsn name the one of the replaced service?"
            )

    @property
    def rows(self) -> int:
        """Return how many executions there are."""
        return sum(table.rows for table in self.tables)

    def read(self) -> Iterator[Judged]:
        """Yield every execution, in no order."""
        for table in self.tables:
            yield from self._stream(_query(table, sql.SQL("TRUE"), ordered=False), ())

    def read_of(self, names: Sequence[str], *, unnamed: bool) -> Iterator[Judged]:
        """Yield the executions of the accounts `names`, those of nobody too if `unnamed`.

        In the order of `simulated_ts`.
        """
        for table in self.tables:
            if table.names_accounts:
                wanted = sql.SQL(
                    "e.account_name = ANY(%s) OR "
                    "(%s AND (e.account_name IS NULL OR btrim(e.account_name, %s) = ''))"
                )
                told = (list(names), unnamed, BLANK)
                yield from self._stream(_query(table, wanted, ordered=True), told)
            elif unnamed:
                yield from self._stream(_query(table, sql.SQL("TRUE"), ordered=True), ())

    def unexecuted(self) -> dict[str, int]:
        """Return how many recommendations led to no execution, by their status."""
        found: dict[str, int] = {}
        for table in self.tables:
            if table.recommendations is None:
                continue
            query = sql.SQL(
                "SELECT coalesce(r.status, ''), count(*) FROM {} AS r WHERE {} AND NOT EXISTS "
                "(SELECT FROM {} AS e WHERE e.recommendation_id = r.id) GROUP BY 1 ORDER BY 1"
            ).format(
                sql.Identifier(table.recommendations),
                _unprojected("r", only=table.only_unprojected_advice),
                sql.Identifier(table.executions),
            )
            for status, count in self._connection.execute(query).fetchall():
                found[status] = found.get(status, 0) + count
        return found

    def _found(self) -> Iterator[OldTable]:
        for executions, recommendations in _PAIRS:
            columns, advice = self._columns(executions), self._columns(recommendations)
            if not columns:
                continue
            if missing := sorted(_NEEDED - columns):
                raise ConfigurationError(
                    f"{executions} has no column {missing[0]}: it is not the ledger of the "
                    "replaced service"
                )
            only = "log_offset" in columns
            count = sql.SQL("SELECT count(*) FROM {} AS e WHERE {}").format(
                sql.Identifier(executions), _unprojected("e", only=only)
            )
            [(rows,)] = self._connection.execute(count).fetchall()
            yield OldTable(
                executions=executions,
                recommendations=recommendations if "id" in advice else None,
                names_accounts="account_name" in columns,
                rows=rows,
                only_unprojected=only,
                only_unprojected_advice="log_offset" in advice,
            )

    def _columns(self, table: str) -> frozenset[str]:
        found = self._connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 "
            "AND NOT attisdropped",
            (table,),
        )
        return frozenset(name for (name,) in found.fetchall())

    def _stream(self, query: sql.Composed, values: Sequence[object]) -> Iterator[Judged]:
        self._cursors += 1
        with self._connection.cursor(f"legacy_{self._cursors}") as cursor:
            cursor.itersize = _FETCHED_AT_ONCE
            cursor.execute(query, values)
            for execution, recommendation in cursor:
                yield judged(execution, recommendation)


@contextmanager
def old_ledger(dsn: str) -> Iterator[OldLedger]:
    """Hold the old tables in one transaction that only reads.

    Raises:
        BadInputError: `dsn` is no connection string.
        ServiceUnreachable: PostgreSQL does not answer, or broke off.
        ConfigurationError: The tables are not those of the replaced service, or may not be read.
    """
    try:
        require_connection_string(dsn)
    except ValueError as error:
        raise BadInputError(f"--dsn {error}") from None
    try:
        with psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="dispatcher-legacy-import",
        ) as connection:
            # By SET: `options` here would take the place of those in the operator's own dsn.
            connection.execute(
                "SET TimeZone = 'UTC'; SET client_encoding = 'UTF8'; SET statement_timeout = 0; "
                "SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '5s'"
            )
            connection.autocommit = False
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield OldLedger(connection)
    except psycopg.OperationalError as error:
        raise ServiceUnreachable(
            f"the old database gives no answer: {' '.join(str(error).split())}; is --dsn right?"
        ) from error
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise BadInputError(
                "--dsn is no connection string: write it as postgresql://user@host:port/name"
            ) from None  # the cause would repeat it, password and all
        raise ConfigurationError(
            f"the old tables cannot be read: {error.diag.message_primary}; are they those of the "
            "replaced service, and may the role in --dsn read them?"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"the old tables hold text that is not UTF-8: {error}; convert them first"
        ) from error


def _query(table: OldTable, wanted: sql.SQL, *, ordered: bool) -> sql.Composed:
    advice = sql.SQL("NULL::text")
    joined: sql.Composable = sql.SQL("")
    if table.recommendations is not None:
        advice = sql.SQL("CASE WHEN (q.r).id IS NOT NULL THEN row_to_json(q.r)::text END")
        joined = sql.SQL(", r").format()
    order = sql.SQL(" ORDER BY e.simulated_ts NULLS FIRST, e.execution_id" if ordered else "")
    join: sql.Composable = sql.SQL("")
    if table.recommendations is not None:
        join = sql.SQL(" LEFT JOIN {} AS r ON r.id = e.recommendation_id AND {}").format(
            sql.Identifier(table.recommendations),
            _unprojected("r", only=table.only_unprojected_advice),
        )
    # The inner query sorts rows, the outer one writes them out: JSON is many times as long.
    return sql.SQL(
        "SELECT row_to_json(q.e)::text, {advice} FROM "
        "(SELECT e{joined} FROM {executions} AS e{join} WHERE {ours} AND ({wanted}){order} "
        "OFFSET 0) AS q"
    ).format(
        advice=advice,
        joined=joined,
        executions=sql.Identifier(table.executions),
        join=join,
        ours=_unprojected("e", only=table.only_unprojected),
        wanted=wanted,
        order=order,
    )


def _unprojected(alias: str, *, only: bool) -> sql.Composable:
    """Return what leaves out rows that stand for an event already: they are ours, not old."""
    return sql.SQL("{}.log_offset IS NULL").format(sql.SQL(alias)) if only else sql.SQL("TRUE")
