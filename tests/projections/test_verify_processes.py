"""Logs held against their rows by several processes: the same is found, in one snapshot."""

from multiprocessing import active_children

import pytest

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.projector.spreading import ALONE, Workers
from consumers.projector.verify import verify
from consumers.projector.verify_case import Verified
from events.codec import Codec
from projections.catalog import PROJECTIONS
from tests.projections.database import run
from tests.projections.projecting import World, traded
from tests.projections.story import recommendation
from tests.projections.verifying import eventful
from tests.services import Services


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny", "large")
    world.write(eventful("tiny"), together=True)
    world.write(traded("large", 4), together=True)
    world.write_raw("recommendations", world.codec.encode(recommendation(1)))
    world.write_raw("dispatch.dead-letters", b"\x00\xff", {"dlq.reason": b"undecodable"})
    world.write_raw("dispatch.events.large", b"what is this?")
    world.catch_up()
    return world


@pytest.fixture
def two(services: Services) -> Workers:
    return Workers(registry_url=services.registry_url, processes=2, worth=0)


def verified(world: World, workers: Workers) -> list[Verified]:
    return verify(world.cluster, world.codec, world.database, PROJECTIONS, workers=workers)


def test_two_processes_find_nothing_where_nothing_is(world: World, two: Workers) -> None:
    found = verified(world, two)

    assert found == verified(world, ALONE)
    assert [one.differences for one in found] == [()] * len(PROJECTIONS)
    assert {one.parked for one in found if one.projection != "dead-letters"} == {0, 1}
    assert active_children() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE dispatch_orders SET detail = 'edited'",
        "UPDATE account_state SET cash = 1",
        "UPDATE dispatch_failures SET error = 'edited'",
        "DELETE FROM dispatcher_runs",
        "DELETE FROM account_positions",
        "TRUNCATE legacy_executions, dead_letters, dispatch_recommendations",
        "INSERT INTO recommendation_status (recommendation_id, account_name) VALUES (1, 'nobody')",
        "INSERT INTO dispatch_orders (account_name, client_order_id) VALUES ('tiny', 'surplus')",
        "DELETE FROM parked_events WHERE projection = 'executions'",
    ],
)
def test_two_processes_find_what_one_finds(world: World, two: Workers, change: str) -> None:
    run(world.database, change)

    found = verified(world, two)

    assert any(one.differences for one in found)
    assert found == verified(world, ALONE)


def test_all_processes_see_the_tables_as_they_were_at_the_start(world: World, two: Workers) -> None:
    edited = list[str]()

    def edit(phase: str, _done: int, _total: int) -> None:
        if not edited:
            edited.append(phase)
            run(world.database, "DELETE FROM dispatch_orders")
            run(world.database, "UPDATE account_state SET cash = 1")

    found = verify(world.cluster, world.codec, world.database, PROJECTIONS, edit, workers=two)

    assert edited == ["reading"]
    assert [one.differences for one in found] == [()] * len(PROJECTIONS)


def test_a_process_that_is_killed_ends_the_verification(world: World, two: Workers) -> None:
    killed = list[int]()

    def kill(_phase: str, _done: int, _total: int) -> None:
        if not killed:
            for child in active_children():
                killed.append(child.pid or 0)
                child.kill()

    with pytest.raises(ServiceUnreachable, match="a process of the verification died"):
        verify(world.cluster, world.codec, world.database, PROJECTIONS, kill, workers=two)

    assert killed
    assert active_children() == []
