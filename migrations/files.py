"""The migrations of this build: numbered SQL files, each with its reason and its checksum."""

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
_WHY: Final = re.compile(r"^-- Why: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFile:
    """One file: its name without ``.sql``, why it is there, its SQL and that one's SHA-256."""

    name: str
    why: str
    sql: bytes
    checksum: str


def migration_files(folder: Path = FOLDER) -> list[MigrationFile]:
    """Return every migration of this build, in their order."""
    return [_read(path) for path in sorted(folder.glob("*.sql"))]


def _read(path: Path) -> MigrationFile:
    # A checkout may end lines with CR LF: that is no edit.
    sql = path.read_bytes().replace(b"\r\n", b"\n")
    said = _WHY.search(sql.decode())
    return MigrationFile(
        name=path.stem,
        why="" if said is None else said[1],
        sql=sql,
        checksum=sha256(sql).hexdigest(),
    )
