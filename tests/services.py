"""The real Kafka, registry and PostgreSQL that tests run against, wherever they come from.

From the environment if it names them, else from `stack/`, or from a Docker engine where
DISPATCHER_TEST_DOCKER=1 says so.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from consumers.registry import register
from stack.up import start, stop

KAFKA_IMAGE = "docker.io/apache/kafka:4.4.0"
REGISTRY_IMAGE = "docker.io/apicurio/apicurio-registry:3.3.3"
POSTGRES_IMAGE = "docker.io/library/postgres:18"

TRIES = 3
"""To start services, before every test that wants them fails."""


@dataclass(frozen=True, slots=True)
class Services:
    """Where the services are; `directory` is the stack's, None when it is not ours to stop."""

    bootstrap_servers: str
    registry_url: str
    postgres_dsn: str
    directory: Path | None = None


class Kind(StrEnum):
    """What tests may do with services."""

    OFFERED = "services"
    BREAKABLE = "breakable"


@contextmanager
def ready_services(kind: Kind, directory: Path) -> Iterator[Services]:
    """Yield running services with every schema registered; what is started, in `directory`."""
    with ExitStack() as running:
        yield _started(kind, directory, running)


def _started(kind: Kind, directory: Path, running: ExitStack) -> Services:
    """Start them anew, elsewhere, where a start fails: one that fails would fail every test."""
    find, number = {Kind.OFFERED: _offered, Kind.BREAKABLE: _own}[kind], 0
    before: list[str] = []
    while True:
        number += 1
        with ExitStack() as this_time:
            try:
                home = directory.with_name(f"{directory.name}-{number}")
                services = this_time.enter_context(find(home))
                register(services.registry_url)
            except Exception as error:
                if number == TRIES:
                    for told in before:
                        error.add_note(told)
                    raise
                before.append(f"start {number} failed: {type(error).__name__}: {error}")
                continue
            running.enter_context(this_time.pop_all())
            return services


@contextmanager
def _offered(directory: Path) -> Iterator[Services]:
    if named := _from_environment():
        yield named
    elif os.environ.get("DISPATCHER_TEST_DOCKER") == "1":
        with _from_docker() as services:
            yield services
    else:
        with _own(directory) as services:
            yield services


@contextmanager
def _own(directory: Path) -> Iterator[Services]:
    try:  # what a start that fails has started by then stays up
        addresses = start(directory)
        yield Services(
            addresses.bootstrap_servers, addresses.registry_url, addresses.postgres_dsn, directory
        )
    finally:
        stop(directory, purge=True)


def _from_environment() -> Services | None:
    names = ("DISPATCHER_TEST_KAFKA", "DISPATCHER_TEST_REGISTRY", "DISPATCHER_TEST_POSTGRES")
    found = [os.environ.get(name) for name in names]
    if not any(found):
        return None
    kafka, registry, postgres = found
    if kafka is None or registry is None or postgres is None:
        raise RuntimeError(f"set all of {', '.join(names)}, or none of them")
    return Services(kafka, registry, postgres)


@contextmanager
def _from_docker() -> Iterator[Services]:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 -- needed there alone
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    port = _free_port()
    kafka = (
        DockerContainer(KAFKA_IMAGE)
        .with_bind_ports(9092, port)
        .with_env("KAFKA_NODE_ID", "1")
        .with_env("KAFKA_PROCESS_ROLES", "broker,controller")
        .with_env("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093")
        .with_env("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093")
        .with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{port}")
        .with_env("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER")
        .with_env(
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
        )
        .with_env("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
        .with_env("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
        .with_env("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "1000")
        .with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        .waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    )
    registry = (
        DockerContainer(REGISTRY_IMAGE)
        .with_exposed_ports(8080)
        .waiting_for(LogMessageWaitStrategy("Listening on"))
    )
    postgres = (
        DockerContainer(POSTGRES_IMAGE)
        .with_exposed_ports(5432)
        .with_env("POSTGRES_USER", "dispatcher")
        .with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_env(
            "POSTGRES_INITDB_ARGS",
            "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8",
        )
        .with_command("postgres -c max_connections=200")
        .waiting_for(LogMessageWaitStrategy("listening on IPv4"))
    )
    with kafka, registry, postgres:
        host = registry.get_container_host_ip()
        yield Services(
            f"127.0.0.1:{port}",
            f"http://{host}:{registry.get_exposed_port(8080)}/apis/ccompat/v7",
            f"postgresql://dispatcher@{host}:{postgres.get_exposed_port(5432)}/dispatcher",
        )


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
