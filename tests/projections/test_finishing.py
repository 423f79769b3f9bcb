"""The live projector stands still for the last few records only, however many came meanwhile."""

from contextlib import ExitStack

import pytest

from consumers.cluster import Cluster
from consumers.projector.building import RebuildSettings, start_building
from consumers.projector.finishing import compare, swap
from consumers.projector.history import History
from consumers.projector.recorder import ProjectionRecorder
from events.codec import Codec
from projections.catalog import projection_named
from tests.projections.driving import rows
from tests.projections.projecting import World, traded
from tests.projections.story import NOW

EXECUTIONS = projection_named("executions")
MANY = 150
"""Trades of two events each: more than are ever left for the standstill."""


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny")
    return world


def test_what_comes_before_the_comparison_and_before_the_swap_is_applied_while_the_projector_runs(
    world: World,
) -> None:
    settings = RebuildSettings(
        cluster=world.cluster,
        postgres_dsn=world.database,
        build="test",
        by="somebody",
        now=lambda: NOW,
    )
    log = traded("tiny", 3 * MANY)
    parts = [log.events[2 * MANY * part : 2 * MANY * (part + 1)] for part in range(3)]
    world.write(log, parts[0], together=True)
    world.catch_up()
    recorder = ProjectionRecorder(world.cluster, world.codec)
    recorder.prepare()
    with ExitStack() as stack:
        history = stack.enter_context(History(world.cluster, world.codec))
        [new] = start_building(settings, world.codec, history, [EXECUTIONS], stack)
        new.make_anew()

        world.write(log, parts[1], together=True)
        world.catch_up()
        compare(history, new)
        world.write(log, parts[2], together=True)
        world.catch_up()
        before = rows(world.database, "dispatch_executions")
        rebuilt, _ = swap(history, recorder, new)

    assert rebuilt.records_meanwhile == 0
    assert rebuilt.records >= len(log.events)
    assert rows(world.database, "dispatch_executions") == before
    assert len(before) == 3 * MANY
