"""A place in the real services that no other test knows, and the command line there."""

from pathlib import Path

import pytest

from consumers.cluster import Cluster
from tests.cli.running import Command, Place
from tests.services import Services


@pytest.fixture
def place(services: Services, cluster: Cluster, database: str) -> Place:
    """Real services: an empty corner of Kafka, a migrated database."""
    return Place(services.bootstrap_servers, services.registry_url, database, cluster.prefix)


@pytest.fixture
def dispatcher(place: Place, tmp_path: Path) -> Command:
    """The command line in that place."""
    return place.at(tmp_path)


@pytest.fixture
def lonely(tmp_path: Path) -> Command:
    """The command line where no service runs at all."""
    return Place().at(tmp_path)
