"""A disk that is full: nothing is parked, and with space again all is caught up alone.

On services that may be broken: PostgreSQL ends at once where a checkpoint meets the full file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from projections.executions import EXECUTIONS
from projections.faults import DatabaseUnavailable
from tests.projections.database import ask, run
from tests.projections.driving import Driver, rows
from tests.projections.projecting import (
    World,
    projecting,
    traded,
    world_on,
)
from tests.projections.verifying import require_nothing_parked_and_all_there
from tests.services import Services

FULL = Path("/dev/full")
"""Whatever is written to it finds no space left."""
DISK_FULL = "53100"


@pytest.fixture
def world(breakable: Services) -> Iterator[World]:
    with world_on(breakable, "tiny", "large") as world:
        yield world


@pytest.fixture
def operator(world: World) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(world.database, autocommit=True) as connection:
        yield connection


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_while_the_disk_is_full_nothing_is_parked_and_with_space_again_the_tables_catch_up(
    world: World, operator: psycopg.Connection[Any]
) -> None:
    directory = Path(ask(operator, "SELECT current_setting('data_directory')"))
    path = ask(operator, "SELECT pg_relation_filepath('dispatch_fills')")
    file, aside = directory / path, directory / f"{path}.aside"
    file.rename(aside)
    file.symlink_to(FULL)
    try:
        driver = Driver(world.database, EXECUTIONS)
        with pytest.raises(DatabaseUnavailable) as full:
            driver.apply(traded("tiny", 1).records())
        driver.close()
        assert full.value.sqlstate == DISK_FULL
        with projecting(world) as running:
            world.write(traded("tiny", 3))
            running.wait_until(lambda progress: "executions" in progress.interrupted)
            assert rows(world.database, "parked_events") == []

            file.unlink()
            aside.rename(file)
            run(
                world.database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name = 'dispatcher-projector'",
            )  # they hold the full file open

            require_nothing_parked_and_all_there(world, running, 3)
    finally:
        if aside.exists():
            file.unlink()
            aside.rename(file)
