"""Two projectors share the accounts' logs; one is killed, the other takes all of them over."""

from pathlib import Path
from threading import Event

import pytest
from confluent_kafka.admin import AdminClient

from consumers.cluster import Cluster
from events.codec import Codec
from projections.catalog import PROJECTIONS
from tests.projections.driving import rows
from tests.projections.processes import await_executed, project
from tests.projections.projecting import PATIENCE_S, World, executed, traded
from tests.projections.verifying import verified
from tests.services import Services

ACCOUNTS = ("large", "middle", "tiny")
PER_ROUND = 6


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create(*ACCOUNTS)
    return world


def logs_of_each_member(world: World) -> list[int]:
    """Return how many accounts' logs each member of the projectors' group reads."""
    group = world.cluster.group("projector")
    admin = AdminClient({"bootstrap.servers": world.cluster.bootstrap_servers})
    described = admin.describe_consumer_groups([group])[group].result(PATIENCE_S)
    logs = world.cluster.topic("dispatch.events.")
    return [
        sum(place.topic.startswith(logs) for place in member.assignment.topic_partitions)
        for member in described.members
    ]


def test_a_second_projector_shares_the_logs_and_takes_over_those_of_one_that_was_killed(
    world: World, services: Services, tmp_path: Path
) -> None:
    stories = [traded(account, 3 * PER_ROUND) for account in ACCOUNTS]
    for log in stories:
        world.write(log, log.events[: 2 * PER_ROUND])
    one = project(world, services, tmp_path)
    await_executed(world, 1, one)
    two = project(world, services, tmp_path)  # while the first is still at work
    try:
        while not (len(shares := logs_of_each_member(world)) == 2 and min(shares) > 0):
            assert one.poll() is None
            assert two.poll() is None
            Event().wait(0.02)
        assert sum(shares) == len(ACCOUNTS)
        for log in stories:
            world.write(log, log.events[2 * PER_ROUND : 4 * PER_ROUND])
        await_executed(world, 2 * PER_ROUND * len(ACCOUNTS), two)

        one.kill()
        for log in stories:
            world.write(log, log.events[4 * PER_ROUND :])
        await_executed(world, 3 * PER_ROUND * len(ACCOUNTS), two)
    finally:
        for process in (one, two):
            process.kill()
            process.wait(PATIENCE_S)
    world.catch_up()

    found = verified(world)

    assert [one.differences for one in found] == [()] * len(PROJECTIONS)
    assert rows(world.database, "parked_events") == []
    assert len(executed(world.database)) == 3 * PER_ROUND * len(ACCOUNTS)
