"""Fixtures for everybody: real services once a session, everything else new for each test."""

import os

# What CI systems and shells set changes what the commands say, to a terminal or not and how wide,
# and typer asks as it is imported: so before everything else.
os.environ.pop("GITHUB_ACTIONS", None)
os.environ.pop("FORCE_COLOR", None)
os.environ.pop("PY_COLORS", None)
os.environ.pop("CLICOLOR_FORCE", None)
os.environ.pop("TTY_COMPATIBLE", None)
os.environ.pop("TTY_INTERACTIVE", None)
os.environ.pop("COLUMNS", None)
os.environ.pop("LINES", None)
os.environ.pop("TERMINAL_WIDTH", None)
# A proxy is for downloads: it reaches no server of this machine, and no name that nobody has.
os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(
    [
        *("127.0.0.1", "localhost", ".example"),
        os.environ.get("no_proxy", os.environ.get("NO_PROXY", "")),
    ]
)

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from consumers.cluster import Cluster
from consumers.logs import LogFormat, configure_logs
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from migrations.apply import migrate
from stack.alpaca_server.control import AlpacaControl
from stack.alpaca_server.running import running_alpaca
from tests.accounts.machine.ground import SEED
from tests.cli.running import ROOT
from tests.dispatcher.world import World
from tests.parallel import Scheduling, SharedServices, ask, dear_first
from tests.services import Kind, Services, ready_services

# The same examples in each run, others in each sweep: what fails in one fails again in the next.
hypothesis_settings.register_profile(
    "project",
    deadline=None,
    print_blob=True,
    derandomize=not os.environ.get("DISPATCHER_TEST_SWEEP"),
    database=None,
)
hypothesis_settings.load_profile("project")

# structlog's own way to show an exception, with the locals of every frame, takes it 4 s for each.
configure_logs(log_format=LogFormat.CONSOLE)

SHARED = pytest.StashKey[SharedServices]()


def pytest_report_header() -> str:
    """Say it where several workers, whose output nobody sees, cannot hide it."""
    return f"histories of an account: DISPATCHER_TEST_SEED={SEED}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    if SHARED not in node.config.stash:
        node.config.stash[SHARED] = SharedServices()
    node.workerinput["services"] = node.config.stash[SHARED].door


def pytest_unconfigure(config: pytest.Config) -> None:
    if shared := config.stash.get(SHARED, None):
        shared.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not os.environ.get("DISPATCHER_TEST_SWEEP"):
        long = [item for item in items if item.get_closest_marker("sweep")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    if os.geteuid() != 0 or not others_may_read_us():
        others = [item for item in items if "nameless" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    if hasattr(config, "workerinput"):
        items.sort(key=dear_first)


def others_may_read_us() -> bool:
    """Say whether a user who owns nothing here reaches what a command imports late, and files."""
    packages = ("accounts", "cli", "consumers", "events", "projections")
    sources = [Path(psycopg.__file__)]  # as whatever else is installed
    sources += [source for package in packages for source in (ROOT / package).rglob("*.py")]
    reached = [*sources, Path(gettempdir()) / "one"]
    folders = {folder for one in reached for folder in one.parents}
    return all(source.stat().st_mode & stat.S_IROTH for source in sources) and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in folders
    )


@pytest.fixture(scope="session")
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """Kafka, registry and PostgreSQL, with every schema registered."""
    yield from _ready(Kind.OFFERED, request.config, tmp_path_factory)


@pytest.fixture(scope="session")
def breakable(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """Services of our own, for tests that freeze or stop one of them and start it again.

    Their files stand in `parallel.BREAK_SERVICES`.
    """
    yield from _ready(Kind.BREAKABLE, request.config, tmp_path_factory)


def _ready(
    kind: Kind, config: pytest.Config, directories: pytest.TempPathFactory
) -> Iterator[Services]:
    if hasattr(config, "workerinput"):
        yield ask(config.workerinput["services"], kind)
    else:
        with ready_services(kind, directories.mktemp(kind) / "stack") as found:
            yield found


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
