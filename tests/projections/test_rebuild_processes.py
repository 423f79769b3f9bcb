"""Logs loaded by several processes: the same tables, even where one of them is killed."""

from dataclasses import replace
from multiprocessing import active_children
from threading import Event, Thread

import psycopg
import pytest

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.projector.building import RebuildSettings
from consumers.projector.rebuild import rebuild
from events.codec import Codec
from projections.catalog import PROJECTIONS
from tests.projections.database import run
from tests.projections.projecting import World, traded
from tests.projections.rebuilding import ALL_TABLES, content, is_verified
from tests.projections.story import NOW
from tests.services import Services

LOCKED = "dispatcher_rebuild_executions.dispatch_orders"


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny", "large")
    for account in ("tiny", "large"):
        world.write(traded(account, 4), together=True)
    world.catch_up()
    return world


@pytest.fixture
def by_processes(world: World, services: Services) -> RebuildSettings:
    return RebuildSettings(
        cluster=world.cluster,
        postgres_dsn=world.database,
        build="test",
        by="somebody",
        now=lambda: NOW,
        registry_url=services.registry_url,
        processes=2,
        worth_processes=0,
    )


def empty(dsn: str) -> None:
    run(dsn, f"TRUNCATE {', '.join(ALL_TABLES)}")


def test_a_process_of_the_rebuild_that_is_killed_ends_it_and_the_next_one_ends_well(
    world: World, by_processes: RebuildSettings
) -> None:
    before = content(world.database)
    empty(world.database)
    killed = Thread(target=kill_one_at_work, args=(world.database,))
    killed.start()

    with pytest.raises(ServiceUnreachable, match="a process of the rebuild died"):
        rebuild(by_processes, world.codec, PROJECTIONS)
    killed.join()
    assert active_children() == []
    rebuild(by_processes, world.codec, PROJECTIONS)

    assert content(world.database) == before
    assert is_verified(world)


def test_two_processes_fill_the_tables_as_one_does(
    world: World, by_processes: RebuildSettings
) -> None:
    before = content(world.database)
    empty(world.database)

    rebuild(by_processes, world.codec, PROJECTIONS)
    alone = rebuild(replace(by_processes, processes=1), world.codec, PROJECTIONS)

    assert content(world.database) == before
    assert [one.rows_changed for one in alone] == [0] * len(PROJECTIONS)


def kill_one_at_work(dsn: str) -> None:
    """Hold a table that is loaded, so that processes stand still at it; then kill one of them."""
    with psycopg.connect(dsn) as holder, psycopg.connect(dsn, autocommit=True) as watcher:
        there = "SELECT to_regclass(%s) IS NOT NULL"
        while watcher.execute(there, (LOCKED,)).fetchone() != (True,):
            Event().wait(0.001)  # it has to be locked before it is loaded
        holder.execute(f"LOCK TABLE {LOCKED} IN ACCESS EXCLUSIVE MODE".encode())
        waits = """
            SELECT count(*) > 0 FROM pg_locks
            WHERE relation = %s::REGCLASS AND NOT granted
        """
        while watcher.execute(waits, (LOCKED,)).fetchone() != (True,):
            Event().wait(0.02)
        active_children()[0].kill()
        holder.rollback()
