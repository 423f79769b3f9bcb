"""A place in the real services that no other test knows, and the command line there."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from consumers.cluster import Cluster
from tests.cli.advice import BOUGHT, DOUBTED, line, lines
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


@pytest.fixture(scope="module")
def shared_place(services: Services, make_database: Callable[..., str]) -> Place:
    """The same for all tests of a module that only look at what one command line did there."""
    prefix = f"t{uuid4().hex[:12]}."
    return Place(services.bootstrap_servers, services.registry_url, make_database(), prefix)


@pytest.fixture(scope="module")
def traded(
    shared_place: Place,
    tmp_path_factory: pytest.TempPathFactory,
) -> Command:
    """Two accounts that have seen one good, one doubtful and one undecodable recommendation."""
    dispatcher = shared_place.at(tmp_path_factory.mktemp("traded"))
    advice = lines(line(BOUGHT), line(DOUBTED, ticker="AAPL", confidence="0.1"))
    dispatcher.done("topics", "apply")
    dispatcher.done("schemas", "register")
    dispatcher.done("migrate")
    dispatcher.done("recommendations", "publish", "-", stdin=advice)
    producer = Producer({"bootstrap.servers": shared_place.bootstrap_servers})
    producer.produce(f"{shared_place.prefix}recommendations", b"no event")
    assert producer.flush(30) == 0
    dispatcher.done("accounts", "run", "large-default", "--until-caught-up")
    dispatcher.done("projections", "run", "--until-caught-up")
    return dispatcher
