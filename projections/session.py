"""The one connection of a process that writes tables: opened when needed, dropped when broken."""

from contextlib import suppress
from typing import Final, TypeAlias

import psycopg
from psycopg import sql

from projections.faults import unavailable
from projections.stage import Stage

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]
Cursor: TypeAlias = psycopg.Cursor[tuple[object, ...]]

_CONNECT_TIMEOUT_S: Final = 5
_CANCEL_S: Final = 5.0
_SETTINGS: Final = """
SET TimeZone = 'UTC';
SET client_encoding = 'UTF8';
SET lock_timeout = '5s';
SET statement_timeout = '60s';
SET idle_in_transaction_session_timeout = '120s';
SET synchronous_commit = off;
SET jit = off;
"""
_BY_KEYS: Final = """
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
"""


class Session:
    """A connection in autocommit with our settings: UTC, bounded waits, commits that do not wait.

    A commit that the server loses in a crash loses its checkpoint with it, and the log still has
    the events. What must not be lost asks for `synchronous_commit` in its own transaction.
    """

    def __init__(
        self,
        dsn: str,
        *,
        application_name: str = "dispatcher-projector",
        schema: str | None = None,
        by_keys: bool = False,
    ) -> None:
        """Remember where PostgreSQL is; nothing is opened yet.

        With a `schema`, tables are looked for there and nowhere else. Where all that is asked goes
        `by_keys`, a statement is planned once for good, for tables that will have grown.
        """
        self._dsn = dsn
        self._schema = schema
        self._application_name = application_name
        self._settings = _SETTINGS + _BY_KEYS if by_keys else _SETTINGS
        self._connection: Connection | None = None
        self._stages: set[str] = set()

    def connection(self, stages: tuple[Stage, ...] = ()) -> Connection:
        """Return the open connection, with the temporary tables of `stages` on it.

        Raises:
            DatabaseUnavailable: PostgreSQL did not answer.
        """
        try:
            connection = self._open()
            for stage in stages:
                if stage.name not in self._stages:
                    connection.execute(sql.SQL(stage.create_sql()))
                    self._stages.add(stage.name)
        except psycopg.Error as error:
            self.close()
            raise unavailable(error) from error
        return connection

    def cancel(self) -> None:
        """Have PostgreSQL end what another thread waits for on the connection, if it answers."""
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error):  # where it does not answer there is nothing to wait for
                connection.cancel_safe(timeout=_CANCEL_S)

    def close(self) -> None:
        """Throw the connection away; the next use opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._stages.clear()

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._stages.clear()
            try:
                self._connection = psycopg.connect(
                    self._dsn,
                    autocommit=True,
                    connect_timeout=_CONNECT_TIMEOUT_S,
                    application_name=self._application_name,
                    keepalives_idle=5,
                    keepalives_interval=2,
                    keepalives_count=3,
                    tcp_user_timeout=10_000,
                )
            except psycopg.ProgrammingError:  # it repeats the string, password and all
                raise psycopg.OperationalError("postgres.dsn is no connection string") from None
            self._connection.execute(self._settings)
            if self._schema is not None:
                path = sql.SQL("SET search_path = {}").format(sql.Identifier(self._schema))
                self._connection.execute(path)
        return self._connection


def copy_in(connection: Connection, statement: str, text: bytes) -> None:
    """Run a COPY statement of our own making on `text`."""
    with connection.cursor() as cursor, cursor.copy(sql.SQL(statement)) as copy:
        copy.write(text)
