"""A world of the projections' own, where a module has no other."""

import pytest

from consumers.cluster import Cluster
from events.codec import Codec
from tests.projections.projecting import World


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny", "large")
    return world
