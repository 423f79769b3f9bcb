"""A place in the real services, its configuration, and the doctor's findings there by name."""

from pathlib import Path

import pytest

from consumers.cluster import Cluster
from consumers.settings import Settings, load_settings
from tests.cli.running import Command, Place
from tests.services import Services


@pytest.fixture
def dispatcher(services: Services, cluster: Cluster, database: str, tmp_path: Path) -> Command:
    """The command line on real services: an empty corner of Kafka, a migrated database."""
    place = Place(services.bootstrap_servers, services.registry_url, database, cluster.prefix)
    return place.at(tmp_path)


@pytest.fixture
def settings(dispatcher: Command) -> Settings:
    """The same configuration, read."""
    return load_settings(dispatcher.directory / "dispatcher.toml", {})
