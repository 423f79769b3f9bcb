"""What a database says was applied to it: which files, when, and with which contents.

`schema_migrations` is the ledger. Databases from before it have `_yoyo_migration`, which names
files without their contents; what it names is taken over with the contents that this build has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeAlias

import psycopg

from migrations.errors import MigrationEdited
from migrations.files import MigrationFile

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       TEXT PRIMARY KEY,
    -- SHA-256 of the file; null where this build lacked the file when it took the name over
    checksum   TEXT,
    applied_at TIMESTAMPTZ NOT NULL,
    -- applied before checksums were kept, so the contents are those of the build that took over
    taken_over BOOLEAN NOT NULL
)
"""


class MigrationState(StrEnum):
    """Where a migration stands."""

    APPLIED = "applied"
    TAKEN_OVER = "taken over"
    PENDING = "pending"
    EDITED = "edited"
    UNKNOWN = "not in this build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An entry of the ledger; without `checksum` nobody knows the contents."""

    name: str
    checksum: str | None
    applied_at: datetime
    taken_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    """A migration of this build, of the database, or of both."""

    name: str
    why: str
    state: MigrationState
    applied_at: datetime | None
    checksum: str | None
    file_checksum: str | None


def applied(connection: Connection) -> dict[str, Applied]:
    """Return what was applied, by name; reads only."""
    found = {name: _entry(name, None, at, taken_over=True) for name, at in _before(connection)}
    if _exists(connection, "schema_migrations"):
        for name, checksum, at, taken_over in connection.execute(
            "SELECT name, checksum, applied_at, taken_over FROM schema_migrations"
        ):
            known = None if checksum is None else str(checksum)
            found[str(name)] = _entry(str(name), known, at, taken_over=bool(taken_over))
    return found


def take_over(connection: Connection, files: Sequence[MigrationFile]) -> None:
    """Make the ledger where there is none, and enter what was applied before there was one."""
    checksums = {file.name: file.checksum for file in files}
    with connection.transaction():
        connection.execute(_CREATE)
        for name, at in _before(connection):
            connection.execute(
                "INSERT INTO schema_migrations (name, checksum, applied_at, taken_over)"
                " VALUES (%s, %s, %s, true) ON CONFLICT DO NOTHING",
                (name, checksums.get(name), at),
            )


def enter(connection: Connection, file: MigrationFile) -> None:
    """Enter a file in the ledger; to be called in the transaction that applies it."""
    connection.execute(
        "INSERT INTO schema_migrations (name, checksum, applied_at, taken_over)"
        " VALUES (%s, %s, clock_timestamp(), false)",
        (file.name, file.checksum),
    )


def compared(
    files: Sequence[MigrationFile], entries: Mapping[str, Applied]
) -> list[MigrationStatus]:
    """Return where each migration stands, by name; those that this build lacks included."""
    by_name = {file.name: file for file in files}
    return [
        MigrationStatus(
            name=name,
            why=by_name[name].why if name in by_name else "",
            state=_state(by_name.get(name), entries.get(name)),
            applied_at=entries[name].applied_at if name in entries else None,
            checksum=entries[name].checksum if name in entries else None,
            file_checksum=by_name[name].checksum if name in by_name else None,
        )
        for name in sorted({*by_name, *entries})
    ]


def require_unedited(found: Sequence[MigrationStatus]) -> None:
    """Refuse a build whose applied files are not what they were.

    Raises:
        MigrationEdited: One was edited; the sentence says which, and what to do.
    """
    edited = [one for one in found if one.state is MigrationState.EDITED]
    if not edited:
        return
    first = edited[0]
    more = f" (and {len(edited) - 1} more)" if len(edited) > 1 else ""
    raise MigrationEdited(
        f"{first.name}.sql{more} is not what was applied to this database on "
        f"{first.applied_at:%Y-%m-%d %H:%M} UTC: its checksum was {_short(first.checksum)} and is "
        f"{_short(first.file_checksum)}. Nothing was changed. Put the file back as it was, and "
        "write what is to change as a migration of its own with the next number"
    )


def _state(file: MigrationFile | None, entry: Applied | None) -> MigrationState:
    if file is None:
        return MigrationState.UNKNOWN
    if entry is None:
        return MigrationState.PENDING
    if entry.checksum not in (None, file.checksum):
        return MigrationState.EDITED
    return MigrationState.TAKEN_OVER if entry.taken_over else MigrationState.APPLIED


def _before(connection: Connection) -> list[tuple[str, datetime]]:
    if not _exists(connection, "_yoyo_migration"):
        return []
    found = connection.execute("SELECT migration_id, applied_at_utc FROM _yoyo_migration")
    return [(str(name), _utc(at)) for name, at in found]


def _exists(connection: Connection, table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() != (None,)


def _entry(name: str, checksum: str | None, at: object, *, taken_over: bool) -> Applied:
    return Applied(name=name, checksum=checksum, applied_at=_utc(at), taken_over=taken_over)


def _utc(at: object) -> datetime:
    if not isinstance(at, datetime):
        raise TypeError(f"a time is no time: {at!r}")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _short(checksum: str | None) -> str:
    return "unknown" if checksum is None else checksum[:12]
