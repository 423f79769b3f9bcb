"""Bring back tables that somebody dropped, though their migrations were applied: empty.

The files are run once more, in a schema of their own, as if the database were new. What the live
schema lacks moves there, with its indexes and constraints under the names that they had; what it
has is not touched. All of it is one transaction.
"""

from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from migrations.apply import LOCK_WAIT_S, connect, lock
from migrations.errors import DatabaseBusy, DatabaseUnreachable, MigrationFailed
from migrations.files import FOLDER, MigrationFile, migration_files
from migrations.ledger import (
    Connection,
    MigrationState,
    applied,
    compared,
    require_unedited,
)

_SCHEMA: Final = "dispatcher_recreate"
_VIEWS: Final = "dispatch_views"
_MISSING: Final = """
SELECT relname FROM pg_class AS made
WHERE relnamespace = %(made)s::REGNAMESPACE AND relkind = 'r'
  AND NOT EXISTS (
      SELECT FROM pg_class AS live
      WHERE live.relnamespace = %(live)s::REGNAMESPACE AND live.relname = made.relname
  )
ORDER BY relname
"""
# Printed while the new schema is the one on the search path, so that its tables have plain names.
_DEFINITIONS: Final = """
SELECT relname, pg_get_viewdef(oid) FROM pg_class
WHERE relnamespace = to_regnamespace(%s) AND relkind = 'v' ORDER BY oid
"""


def recreate_missing(
    dsn: str, *, lock_wait_s: float = LOCK_WAIT_S, folder: Path = FOLDER
) -> list[str]:
    """Make the tables of applied migrations that are missing, and return their names.

    They are empty: `dispatcher projections rebuild` fills them from the log. Views of
    ``dispatch_views`` that went with a table come back, too; grants on what was dropped, and what
    others had built on it, do not.

    Raises:
        DatabaseUnreachable: PostgreSQL did not answer, or went away.
        DatabaseBusy: A lock was not to be had in time.
        MigrationEdited: A file that was applied is not what it was.
        MigrationFailed: Migrations are pending, or one was refused; nothing was changed.
    """
    files = migration_files(folder)
    with connect(dsn) as connection:
        lock(connection, lock_wait_s)
        found = compared(files, applied(connection))
        require_unedited(found)
        lacking = [one.name for one in found if one.state is MigrationState.PENDING]
        if lacking:
            raise MigrationFailed(
                f"{len(lacking)} migrations are pending, first {lacking[0]}: run `dispatcher "
                "migrate` first; a table may be missing for no other reason"
            )
        try:
            with connection.transaction():
                return _recreate(connection, files)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            raise DatabaseBusy(
                "a table is in use, and its views cannot be made now; nothing was changed: run it "
                "again at a quieter moment"
            ) from error
        except psycopg.Error as error:
            if connection.closed:
                raise DatabaseUnreachable(
                    f"PostgreSQL went away; nothing was changed: run it again ({error})"
                ) from error
            raise MigrationFailed(f"nothing was changed: {error}") from error


def _recreate(connection: Connection, files: list[MigrationFile]) -> list[str]:
    [live] = connection.execute("SELECT current_schema()").fetchone() or [None]
    here, there = sql.Identifier(_SCHEMA), sql.Identifier(str(live))
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(here))
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(here))
    connection.execute(sql.SQL("SET LOCAL search_path = {}").format(here))
    for file in files:
        connection.execute(file.sql)
    views = connection.execute(_DEFINITIONS, (_VIEWS,)).fetchall()
    names = {"made": _SCHEMA, "live": str(live)}
    missing = [str(name) for (name,) in connection.execute(_MISSING, names).fetchall()]
    for table in missing:
        move = sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(sql.Identifier(table), there)
        connection.execute(move)
    connection.execute(sql.SQL("SET LOCAL search_path = {}").format(there))
    for name, definition in views:
        view = sql.Identifier(_VIEWS, str(name))
        again = sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(view, sql.SQL(str(definition)))
        connection.execute(again)
    # Without CASCADE: if anything still leaned on these tables, all of it is undone.
    made = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::REGNAMESPACE AND relkind = 'r'",
        (_SCHEMA,),
    ).fetchall()
    for (left,) in made:
        of_no_use = sql.Identifier(_SCHEMA, str(left))
        connection.execute(sql.SQL("DROP TABLE {}").format(of_no_use))
    connection.execute(sql.SQL("DROP SCHEMA {}").format(here))
    return missing
