"""What was applied, with which contents; and who has to wait for whom while it is applied."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from migrations.apply import migrate, pending, status
from migrations.errors import DatabaseBusy, MigrationEdited, MigrationFailed
from migrations.ledger import MigrationState
from tests.migrations.by_hand import FILES, NAMES, ask, run_by_hand
from tests.projections.database import run

MakeDatabase = Callable[..., str]
OLD = [file for file in FILES if file.stem < "1010"]
ADDITION = "2000_add_a_column"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build's files, to be edited and added to."""
    for file in FILES:
        shutil.copy(file, tmp_path)
    return tmp_path


def add(folder: Path, sql: str) -> None:
    (folder / f"{ADDITION}.sql").write_text(f"-- Why: a test.\nSET lock_timeout = '50ms';\n{sql}")


def migrated_before_checksums(dsn: str) -> None:
    """Leave the database as the version before left it: files applied, and only named."""
    for file in OLD:
        run_by_hand(dsn, file)
    run(
        dsn,
        "CREATE TABLE _yoyo_migration (migration_hash VARCHAR(64) PRIMARY KEY,"
        " migration_id VARCHAR(255), applied_at_utc TIMESTAMP)",
    )
    for file in OLD:
        run(
            dsn,
            "INSERT INTO _yoyo_migration"  # noqa: S608 -- names of our own files
            f" VALUES (md5('{file.stem}'), '{file.stem}', '2026-01-02 03:04:05')",
        )


def edit(file: Path) -> None:
    file.write_text(file.read_text() + "-- a word more\n")


def test_an_applied_file_that_was_edited_is_refused_and_nothing_else_is_applied(
    make_database: MakeDatabase, folder: Path
) -> None:
    dsn = make_database()
    migrate(dsn, folder=folder)
    edit(folder / OLD[2].name)
    add(folder, "CREATE TABLE added ();")

    with pytest.raises(MigrationEdited, match=rf"{OLD[2].stem}\.sql is not what .* Put the file"):
        migrate(dsn, folder=folder)

    assert ask(dsn, "SELECT to_regclass('added')") == [(None,)]
    states = {one.name: one.state for one in status(dsn, folder)}
    assert states[OLD[2].stem] is MigrationState.EDITED
    assert states[ADDITION] is MigrationState.PENDING


def test_a_checkout_that_ends_lines_otherwise_is_no_edit(
    make_database: MakeDatabase, folder: Path
) -> None:
    dsn = make_database()
    migrate(dsn, folder=folder)
    for file in folder.glob("*.sql"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    assert migrate(dsn, folder=folder) == []


def test_a_database_from_before_checksums_is_taken_over(
    make_database: MakeDatabase, folder: Path
) -> None:
    dsn = make_database()
    migrated_before_checksums(dsn)
    added = NAMES[len(OLD) :]
    assert pending(dsn) == added

    assert migrate(dsn, folder=folder) == added

    found = {one.name: one for one in status(dsn, folder)}
    assert {found[file.stem].state for file in OLD} == {MigrationState.TAKEN_OVER}
    assert {found[name].state for name in added} <= {MigrationState.APPLIED}
    assert f"{found[OLD[0].stem].applied_at}" == "2026-01-02 03:04:05+00:00"
    edit(folder / OLD[0].name)
    with pytest.raises(MigrationEdited):
        migrate(dsn, folder=folder)


def test_what_a_newer_build_applied_is_named_and_stops_nothing(
    make_database: MakeDatabase, folder: Path
) -> None:
    dsn = make_database()
    add(folder, "CREATE TABLE added ();")
    migrate(dsn, folder=folder)

    assert migrate(dsn) == []
    assert status(dsn)[-1].state is MigrationState.UNKNOWN


def test_a_refused_file_leaves_no_trace_in_the_ledger(
    make_database: MakeDatabase, folder: Path
) -> None:
    dsn = make_database()
    migrate(dsn, folder=folder)
    add(folder, "CREATE TABLE added (); SELECT 1 / 0;")

    with pytest.raises(MigrationFailed, match="division by zero"):
        migrate(dsn, folder=folder)

    assert ask(dsn, "SELECT to_regclass('added')") == [(None,)]
    assert status(dsn, folder)[-1].state is MigrationState.PENDING


def test_a_migration_gives_way_to_a_held_lock_and_lets_everybody_pass(
    make_database: MakeDatabase, folder: Path
) -> None:
    dsn = make_database()
    migrate(dsn, folder=folder)
    add(folder, "ALTER TABLE dispatch_executions ADD COLUMN added TEXT;")
    told: list[str] = []
    with psycopg.connect(dsn, application_name="a long report") as reader:
        reader.execute("SELECT count(*) FROM dispatch_executions")

        def gave_way(sentence: str) -> None:
            told.append(sentence)
            with psycopg.connect(dsn, options="-c lock_timeout=10ms") as passer_by:
                passer_by.execute("SELECT count(*) FROM dispatch_executions")
            reader.commit()

        assert migrate(dsn, folder=folder, on_wait=gave_way) == [ADDITION]

    assert re.search(r"gave way: process \d+ \(a long report, idle in transaction, ", told[0])


def test_a_lock_that_stays_held_ends_the_migration_without_a_trace(
    make_database: MakeDatabase, folder: Path
) -> None:
    dsn = make_database()
    migrate(dsn, folder=folder)
    add(folder, "ALTER TABLE dispatch_executions ADD COLUMN added TEXT;")
    with psycopg.connect(dsn) as writer:
        writer.execute("LOCK TABLE dispatch_executions IN ROW EXCLUSIVE MODE")

        with pytest.raises(
            DatabaseBusy, match=r"rolled back: for 0 s .* holds dispatch_executions"
        ):
            migrate(dsn, folder=folder, lock_wait_s=0)

    assert pending(dsn) == []
    assert status(dsn, folder)[-1].state is MigrationState.PENDING


def test_a_statement_that_takes_too_long_is_rolled_back(
    make_database: MakeDatabase, folder: Path
) -> None:
    dsn = make_database()
    migrate(dsn, folder=folder)
    add(folder, "CREATE TABLE added (); SELECT pg_sleep(60);")

    with pytest.raises(DatabaseBusy, match="longer --statement-timeout"):
        migrate(dsn, folder=folder, statement_timeout_s=0.05)

    assert ask(dsn, "SELECT to_regclass('added')") == [(None,)]


def test_another_migration_is_waited_for_and_named(make_database: MakeDatabase) -> None:
    dsn = make_database()
    with psycopg.connect(dsn) as other:
        other.execute("SELECT pg_advisory_lock(7316401002)")

        with pytest.raises(DatabaseBusy, match="another migration of this database"):
            migrate(dsn, lock_wait_s=0.01)


def test_a_projector_in_the_midst_of_a_batch_does_not_hold_up_what_only_adds(
    make_database: MakeDatabase,
) -> None:
    dsn = make_database()
    migrated_before_checksums(dsn)
    tables = [
        name
        for (name,) in ask(
            dsn,
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::REGNAMESPACE AND relname <> '_yoyo_migration'",
        )
    ]
    with psycopg.connect(dsn) as projector:
        for table in tables:
            projector.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE".encode())

        assert migrate(dsn, lock_wait_s=0) == NAMES[len(OLD) :]


CONTRACTS = re.compile(
    r"\b(DROP (TABLE|COLUMN|VIEW|SCHEMA|FUNCTION)|RENAME|ALTER COLUMN \w+ (TYPE|SET NOT NULL))",
    re.IGNORECASE,
)


@pytest.mark.parametrize("file", [file for file in FILES if file not in OLD], ids=lambda f: f.stem)
def test_every_new_file_says_whether_it_expands_or_contracts(file: Path) -> None:
    said = re.search(r"^-- Order: (expand|contract, .+)$", file.read_text(), re.MULTILINE)

    assert said is not None, "see docs/operations/migrations.md"
    if said[1] == "expand":
        found = CONTRACTS.search(file.read_text())
        assert found is None, f"{found} contracts: that is a file of its own, a release later"
