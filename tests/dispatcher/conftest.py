from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from consumers.cluster import Cluster
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from tests.dispatcher.world import World
from tests.services import Services


@pytest.fixture
def world(services: Services, cluster: Cluster, codec: Codec, tmp_path: Path) -> Iterator[World]:
    world = World(services, cluster, codec, tmp_path)
    yield world
    world.close()


@pytest.fixture
def breakable_world(breakable: Services, tmp_path: Path) -> Iterator[World]:
    """A world on services that the test may break."""
    source = RegistrySchemaSource(breakable.registry_url)
    cluster = Cluster(breakable.bootstrap_servers, f"t{uuid4().hex[:12]}.")
    world = World(breakable, cluster, Codec(source), tmp_path)
    yield world
    world.close()
    source.close()
