from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.cluster import Cluster
from events.codec import Codec
from tests.dispatcher.world import World
from tests.services import Services


@pytest.fixture
def world(services: Services, cluster: Cluster, codec: Codec, tmp_path: Path) -> Iterator[World]:
    world = World(services, cluster, codec, tmp_path)
    yield world
    world.close()
