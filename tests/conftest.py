"""Fixtures for everybody: real services once a session, everything else new for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from consumers.cluster import Cluster
from consumers.registry import RegistrySchemaSource, register
from events.codec import Codec
from migrations.apply import migrate
from stack.alpaca_server.control import AlpacaControl
from stack.alpaca_server.running import running_alpaca
from stack.up import start, stop
from tests.dispatcher.world import World
from tests.services import Services, running_services

hypothesis_settings.register_profile("project", deadline=None, print_blob=True)
hypothesis_settings.load_profile("project")


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Kafka, registry and PostgreSQL, with every schema registered."""
    with running_services(tmp_path_factory.mktemp("services") / "stack") as found:
        register(found.registry_url)
        yield found


@pytest.fixture(scope="session")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services of our own, for tests that freeze or stop one of them and start it again."""
    directory = tmp_path_factory.mktemp("breakable") / "stack"
    addresses = start(directory)
    try:
        register(addresses.registry_url)
        yield Services(
            addresses.bootstrap_servers, addresses.registry_url, addresses.postgres_dsn, directory
        )
    finally:
        stop(directory, purge=True)


@pytest.fixture
def alpaca() -> Iterator[AlpacaControl]:
    """A fake Alpaca of this test's own: up in some 20 ms, empty, on free ports."""
    with running_alpaca() as control:
        yield control


@pytest.fixture
def cluster(services: Services) -> Cluster:
    """A corner of Kafka that no other test knows."""
    return Cluster(services.bootstrap_servers, f"t{uuid4().hex[:12]}.")


@pytest.fixture(scope="session")
def codec(services: Services) -> Iterator[Codec]:
    """Events to bytes and back, by the real registry's ids."""
    source = RegistrySchemaSource(services.registry_url)
    yield Codec(source)
    source.close()


@pytest.fixture(scope="session")
def make_database(services: Services) -> Callable[..., str]:
    """A function that makes a new, empty database (or a copy of one) and returns its DSN."""

    def make(template: str = "template1") -> str:
        name = f"t{uuid4().hex[:16]}"
        with psycopg.connect(services.postgres_dsn, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return services.postgres_dsn.rsplit("/", 1)[0] + f"/{name}"

    return make


@pytest.fixture(scope="session")
def migrated_template(make_database: Callable[..., str]) -> str:
    """The name of a database with every migration applied, to copy from."""
    dsn = make_database()
    migrate(dsn)
    return dsn.rsplit("/", 1)[1]


@pytest.fixture
def database(
    services: Services, make_database: Callable[..., str], migrated_template: str
) -> Iterator[str]:
    """The DSN of a new, migrated database, dropped afterwards."""
    dsn = make_database(migrated_template)
    yield dsn
    name = dsn.rsplit("/", 1)[1]
    with psycopg.connect(services.postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(sql.Identifier(name)))


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
