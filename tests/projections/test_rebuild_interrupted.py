"""Two rebuilds at once, one that is killed, and one that is given up."""

import subprocess
import sys
from pathlib import Path
from threading import Event

import psycopg
import pytest
from psycopg import sql

from consumers.errors import Refused
from consumers.projector.rebuild import discard
from projections.shadow import Shadow
from tests.projections.database import run
from tests.projections.driving import rows
from tests.projections.processes import configured
from tests.projections.projecting import World, traded
from tests.projections.rebuilding import EXECUTIONS, content, rebuilt, schemas
from tests.services import Services


def test_two_rebuilds_of_one_projection_exclude_each_other(world: World) -> None:
    world.write(traded("tiny", 1))
    world.catch_up()
    other = Shadow(world.database, EXECUTIONS)
    other.create()

    with pytest.raises(Refused, match="being rebuilt by another process"):
        rebuilt(world, EXECUTIONS)
    other.close()

    assert rebuilt(world, EXECUTIONS)[0].rows_changed == 0


KILLED_AT = {
    "making the tables": ("dispatch_executions", "ACCESS EXCLUSIVE"),
    "full, before the swap": ("projection_checkpoints", "EXCLUSIVE"),
    "in the swap": ("dispatch_orders", "ROW EXCLUSIVE"),
}
"""A lock of somebody else's, at which a rebuild stands still."""


@pytest.mark.parametrize("where", KILLED_AT)
def test_killed_half_way_and_started_again_it_ends_well(
    world: World, services: Services, tmp_path: Path, where: str
) -> None:
    world.write(traded("tiny", 20))
    world.catch_up()
    before = content(world.database)
    run(world.database, "DELETE FROM dispatch_fills")
    table, mode = KILLED_AT[where]

    with psycopg.connect(world.database) as holder:
        query = sql.SQL("LOCK TABLE {} IN {} MODE")
        holder.execute(query.format(sql.Identifier(table), sql.SQL(mode)))
        process = rebuild_in_a_process(world, services, tmp_path)
        await_standstill(world, process)
        process.kill()
        process.wait(30)
    filled = len(rows(world.database, "dispatch_fills"))  # as a whole, or not at all
    assert filled == (0 if where == "making the tables" else 20)
    done = rebuilt(world)

    assert content(world.database) == before
    assert schemas(world.database) == []
    kept = {one.projection: (one.kept, one.records) for one in done}["executions"]
    end = sum(
        row["next_offset"]
        for row in before["projection_checkpoints"]
        if row["projection"] == "executions"
    )
    assert kept == ((0, end) if where == "making the tables" else (end, 0))


def test_what_an_interrupted_rebuild_left_can_be_dropped_without_another(world: World) -> None:
    left = Shadow(world.database, EXECUTIONS)
    left.open("this")
    left.leave()
    assert schemas(world.database) == ["dispatcher_rebuild_executions"]

    assert discard(world.database, EXECUTIONS)

    assert schemas(world.database) == []
    assert not discard(world.database, EXECUTIONS)


def rebuild_in_a_process(
    world: World, services: Services, directory: Path
) -> "subprocess.Popen[bytes]":
    config = configured(world, services, directory)
    command = [sys.executable, "-m", "cli.main", "projections", "rebuild", "executions"]
    return subprocess.Popen([*command, "--config", str(config)])


def await_standstill(world: World, process: "subprocess.Popen[bytes]") -> None:
    """Return once the rebuild stands before the lock."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'dispatcher-rebuild' AND wait_event_type = 'Lock'
    """
    with psycopg.connect(world.database, autocommit=True) as watcher:
        while watcher.execute(waiting.encode()).fetchone() == (0,):
            assert process.poll() is None
            Event().wait(0.02)
