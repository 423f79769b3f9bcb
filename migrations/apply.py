"""Bring a database to the newest migration: forward only, each file in one transaction."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from migrations.errors import DatabaseBusy, DatabaseUnreachable, MigrationFailed
from migrations.files import FOLDER, MigrationFile, migration_files
from migrations.holders import holders
from migrations.ledger import (
    Connection,
    MigrationState,
    MigrationStatus,
    applied,
    compared,
    enter,
    require_unedited,
    take_over,
)

LOCK_WAIT_S: Final = 60.0
STATEMENT_TIMEOUT_S: Final = 900.0
_LOCK_ID: Final = 7_316_401_002
_CONNECT_TIMEOUT_S: Final = 10
_FILE_LOCK_TIMEOUT_MS: Final = 2_000  # of a file that says none
_PAUSE_S: Final = 0.5
_PAUSE_S_MAX: Final = 5.0
_TRANSIENT: Final = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)

OnWait = Callable[[str], None]
"""Called with a sentence each time that a migration gives way to somebody's lock."""


def pending(dsn: str) -> list[str]:
    """Return the names of the migrations that the database still lacks, in their order.

    Reads only: on an empty database these are all of them.

    Raises:
        DatabaseUnreachable: PostgreSQL did not answer.
    """
    return [one.name for one in status(dsn) if one.state is MigrationState.PENDING]


def status(dsn: str, folder: Path = FOLDER) -> list[MigrationStatus]:
    """Return where each migration of this build and of the database stands; reads only.

    Raises:
        DatabaseUnreachable: PostgreSQL did not answer.
    """
    with connect(dsn) as connection:
        return compared(migration_files(folder), applied(connection))


def migrate(
    dsn: str,
    *,
    lock_wait_s: float = LOCK_WAIT_S,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    on_wait: OnWait = lambda _sentence: None,
    folder: Path = FOLDER,
) -> list[str]:
    """Apply what is pending and return the names applied, in their order.

    Callers at the same time wait for one another. A file that is refused is rolled back as a
    whole; running again goes on with it. A file asks for its locks for as long as its own
    ``lock_timeout`` says, then gives up, lets everybody pass who had to queue behind it, and tries
    again.

    Args:
        dsn: PostgreSQL's connection string, as a URL or as ``key=value`` pairs.
        lock_wait_s: How long to go on trying for locks, in seconds.
        statement_timeout_s: How long one statement may take, in seconds.
        on_wait: Hears of each time that a file gave way, and who held the lock.
        folder: Where the files are.

    Raises:
        DatabaseUnreachable: PostgreSQL did not answer, or went away.
        DatabaseBusy: A lock was not to be had in time, or a statement took too long.
        MigrationEdited: A file that was applied is not what it was.
        MigrationFailed: A file was refused: which, and why.
    """
    files = migration_files(folder)
    with connect(dsn) as connection:
        lock(connection, lock_wait_s)
        require_unedited(compared(files, applied(connection)))
        take_over(connection, files)
        missing = {
            one.name
            for one in compared(files, applied(connection))
            if one.state is MigrationState.PENDING
        }
        names = []
        for file in files:
            if file.name in missing:
                _apply(connection, file, lock_wait_s, statement_timeout_s, on_wait)
                names.append(file.name)
        return names


def _apply(
    connection: Connection,
    file: MigrationFile,
    lock_wait_s: float,
    statement_timeout_s: float,
    on_wait: OnWait,
) -> None:
    deadline, pause_s = time.monotonic() + lock_wait_s, _PAUSE_S
    while True:
        try:
            _apply_once(connection, file, statement_timeout_s)
        except _TRANSIENT as error:
            held = holders(connection)
            if time.monotonic() + pause_s > deadline:
                raise DatabaseBusy(
                    f"{file.name}.sql was rolled back: for {lock_wait_s:g} s it did not get a lock "
                    f"that it needs{held}. Nobody waits for it any more; end that transaction, or "
                    "choose a quieter moment, and run `dispatcher migrate` again"
                ) from error
            on_wait(f"{file.name}.sql gave way{held}; it tries again in {pause_s:g} s")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_S_MAX)
        else:
            return


def _apply_once(connection: Connection, file: MigrationFile, statement_timeout_s: float) -> None:
    bounds = sql.SQL("SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}").format(
        int(statement_timeout_s * 1000), _FILE_LOCK_TIMEOUT_MS
    )
    try:
        with connection.transaction():
            connection.execute(bounds)
            connection.execute(file.sql)
            enter(connection, file)
    except _TRANSIENT:
        raise
    except psycopg.errors.QueryCanceled as error:
        raise DatabaseBusy(
            f"{file.name}.sql was rolled back: a statement of it was cancelled after at most "
            f"{statement_timeout_s:g} s ({error}). Run `dispatcher migrate` again with a longer "
            "--statement-timeout"
        ) from error
    except psycopg.Error as error:
        if connection.closed:
            raise DatabaseUnreachable(
                f"PostgreSQL went away during {file.name}.sql, which is applied as a whole or not "
                f"at all: run `dispatcher migrate` again ({error})"
            ) from error
        raise MigrationFailed(f"{file.name}.sql was rolled back: {error}") from error


def connect(dsn: str) -> Connection:
    """Connect as a migration does.

    Raises:
        DatabaseUnreachable: PostgreSQL did not answer.
    """
    try:
        return psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="dispatcher-migrate",
        )
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(
            f"PostgreSQL cannot be reached: {error}; is it up, and postgres.dsn right?"
        ) from error
    except psycopg.ProgrammingError:  # it repeats the string, password and all
        raise DatabaseUnreachable(
            "postgres.dsn is no connection string: write it as postgresql://user@host:port/name"
        ) from None


def lock(connection: Connection, lock_wait_s: float) -> None:
    """Be the only one at it, until the connection ends.

    Raises:
        DatabaseBusy: Another one was for longer than `lock_wait_s` seconds.
    """
    wait = sql.SQL("SET lock_timeout = {}").format(max(1, int(lock_wait_s * 1000)))
    connection.execute(wait)
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK_ID,))
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseBusy(
            f"another migration of this database has been running for {lock_wait_s:g} s; "
            "nothing was changed: wait for its end, then run `dispatcher migrate` again"
        ) from error
