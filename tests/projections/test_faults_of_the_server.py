"""A deadlock, a lock, connections cut: nothing is parked, all is caught up alone."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from migrations.apply import migrate
from migrations.files import FOLDER
from tests.projections.database import ask, run
from tests.projections.driving import rows
from tests.projections.projecting import (
    World,
    projecting,
    traded,
)
from tests.projections.verifying import require_nothing_parked_and_all_there


@pytest.fixture
def operator(world: World) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection to the same database."""
    with psycopg.connect(world.database, autocommit=True) as connection:
        yield connection


def await_sql(connection: psycopg.Connection[Any], condition: str) -> None:
    while not ask(connection, condition):
        Event().wait(0.02)


def test_a_deadlock_with_somebody_else_s_transaction_parks_nothing_and_the_batch_goes_on(
    world: World, operator: psycopg.Connection[Any]
) -> None:
    world.write(traded("tiny", 1))
    name = ask(operator, "SELECT quote_ident(current_database())")
    run(world.database, f"ALTER DATABASE {name} SET deadlock_timeout = '3s'")
    blocked = """
        SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'dispatcher-projector' AND wait_event_type = 'Lock'
    """

    with psycopg.connect(world.database) as other:
        other.execute("SET deadlock_timeout = '60s'")  # the projector is the one that gives way
        other.execute("LOCK TABLE dispatch_fills IN SHARE ROW EXCLUSIVE MODE")
        with projecting(world) as running:
            await_sql(operator, blocked)
            other.execute("LOCK TABLE dispatch_orders IN SHARE ROW EXCLUSIVE MODE")
            other.rollback()
            require_nothing_parked_and_all_there(world, running, 1)

    await_sql(
        operator, "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()"
    )


def test_a_lock_that_a_migration_holds_is_waited_for_and_parks_nothing(
    world: World, operator: psycopg.Connection[Any], tmp_path: Path
) -> None:
    for file in FOLDER.glob("*.sql"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    last = tmp_path / "1999_take_long.sql"
    last.write_text(
        "-- Why: an index takes as long as its table is large.\n-- Order: expand\n"
        "SET lock_timeout = '2s';\n"
        "CREATE INDEX takes_long ON dispatch_fills (ticker);\n"
        "SET lock_timeout = '60s';\n"
        "SELECT pg_advisory_xact_lock(1999);\n"
    )
    world.write(traded("tiny", 3))
    applied = list[str]()
    migration = Thread(target=lambda: applied.extend(migrate(world.database, folder=tmp_path)))
    operator.execute("SELECT pg_advisory_lock(1999)")
    migration.start()
    try:
        await_sql(operator, "SELECT count(*) > 0 FROM pg_locks WHERE objid = 1999 AND NOT granted")
        with projecting(world) as running:
            running.wait_until(lambda progress: "executions" in progress.interrupted)
            assert rows(world.database, "dispatch_fills") == []

            operator.execute("SELECT pg_advisory_unlock(1999)")
            migration.join()
            require_nothing_parked_and_all_there(world, running, 3)
    finally:
        operator.execute("SELECT pg_advisory_unlock_all()")
        migration.join()

    assert applied == [last.stem]


def test_connections_that_are_cut_again_and_again_lose_and_park_nothing(world: World) -> None:
    stop, cut = Event(), list[int]()

    def cut_all() -> None:
        with psycopg.connect(world.database, autocommit=True) as connection:
            while not stop.wait(0.05):
                cut.extend(
                    pid
                    for pid, _ in connection.execute(
                        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database()"
                        " AND application_name = 'dispatcher-projector'"
                    ).fetchall()
                )

    cutter = Thread(target=cut_all)
    with projecting(world) as running:
        running.wait_until(lambda progress: progress.caught_up)
        cutter.start()
        try:
            for account in ("tiny", "large"):
                world.write(traded(account, 20))
        finally:
            stop.set()
            cutter.join()
        require_nothing_parked_and_all_there(world, running, 40)

    assert len(set(cut)) > 1
