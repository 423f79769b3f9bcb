"""Bring a database to the newest migration: forward only, each file in one transaction."""

from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations

_FOLDER: Final = Path(__file__).parent
_LOCK_ID: Final = 7_316_401_002
_LOCK_TIMEOUT_S: Final = 60
_CONNECT_TIMEOUT_S: Final = 10


class DatabaseUnreachable(Exception):  # noqa: N818 -- reads as what the database is
    """PostgreSQL did not answer; nothing was changed."""


class MigrationFailed(Exception):  # noqa: N818 -- reads as what happened
    """A migration was refused and rolled back; those before it stay applied."""


def pending(dsn: str) -> list[str]:
    """Return the names of the migrations that the database still lacks, in their order.

    Reads only: on an empty database these are all of them.

    Raises:
        DatabaseUnreachable: PostgreSQL did not answer.
    """
    with _connect(dsn) as connection:
        return _pending(connection)


def migrate(dsn: str) -> list[str]:
    """Apply what is pending and return the names applied, in their order.

    Callers at the same time wait for one another. A file that is refused is rolled back as a
    whole; running again goes on with it.

    Args:
        dsn: PostgreSQL's connection string, as a URL or as ``key=value`` pairs.

    Raises:
        DatabaseUnreachable: PostgreSQL did not answer.
        MigrationFailed: A file was refused: which, and why.
    """
    with _connect(dsn) as connection:
        _lock(connection)
        names = _pending(connection)
        if not names:
            return names
        with get_backend(_yoyo_uri(dsn)) as backend:  # type: ignore[no-untyped-call] # yoyo has no types
            files = read_migrations(str(_FOLDER))  # type: ignore[no-untyped-call] # as above
            by_name = {file.id: file for file in files}
            for name in names:
                try:
                    backend.apply_one(by_name[name])
                except psycopg.Error as error:
                    raise MigrationFailed(f"{name}.sql was rolled back: {error}") from error
        return names


def _connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(f"PostgreSQL cannot be reached: {error}") from error


def _lock(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT_S}s'".encode())
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK_ID,))
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationFailed(
            f"another migration of this database has been running for {_LOCK_TIMEOUT_S} s; "
            "nothing was changed"
        ) from error


def _pending(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    names = sorted(path.stem for path in _FOLDER.glob("*.sql"))
    if connection.execute("SELECT to_regclass('_yoyo_migration')").fetchone() == (None,):
        return names
    applied = {name for (name,) in connection.execute("SELECT migration_id FROM _yoyo_migration")}
    return [name for name in names if name not in applied]


def _yoyo_uri(dsn: str) -> str:
    parameters = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    database = parameters.pop("dbname", "")
    return f"postgresql+psycopg:///{quote(database)}?{urlencode(parameters)}"
