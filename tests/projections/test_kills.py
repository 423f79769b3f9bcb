"""Projector, PostgreSQL and Kafka are killed at random; afterwards the tables are the log's."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Final, Literal, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from consumers.cluster import Cluster
from consumers.projector.verify import verify
from consumers.registry import RegistrySchemaSource
from events.catalog import AnyEvent
from events.codec import Codec
from events.identifiers import AccountName
from migrations.apply import migrate
from projections.catalog import PROJECTIONS
from stack import servers
from tests.projections.driving import rows
from tests.projections.projecting import World
from tests.projections.test_projector import traded
from tests.services import Services

Victim: TypeAlias = Literal["projector", "backend", "postgres", "kafka"]
SWEEP: Final = bool(os.environ.get("DISPATCHER_TEST_SWEEP"))
KILLS: Final = 200 if SWEEP else 4
PER_ROUND: Final = int(os.environ.get("DISPATCHER_TEST_PER_ROUND", "2500" if SWEEP else "12"))
"""Executions between two kills, of two events each: a million events in a sweep."""
PER_TRANSACTION: Final = 2 if PER_ROUND < 100 else 100
VICTIMS: Final[tuple[Victim, ...]] = ("projector", "backend", "postgres", "kafka")
"""A backend is the process that serves one connection: its death makes PostgreSQL start anew."""
SEED: Final = int(os.environ.get("DISPATCHER_TEST_SEED", "20261123"))


@pytest.fixture
def world(breakable: Services) -> Iterator[World]:
    name = f"t{uuid4().hex[:16]}"
    with psycopg.connect(breakable.postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    dsn = breakable.postgres_dsn.rsplit("/", 1)[0] + f"/{name}"
    migrate(dsn)
    source = RegistrySchemaSource(breakable.registry_url)
    world = World(Cluster(breakable.bootstrap_servers, f"{name}."), Codec(source), dsn)
    world.create("tiny")
    yield world
    source.close()


@pytest.mark.timeout(10_000 if SWEEP else 900)
def test_verify_is_clean_after_projector_postgresql_and_kafka_were_killed_at_random(
    world: World, breakable: Services, tmp_path: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311 -- to be repeated, not to be secret
    directory = breakable.directory
    assert directory is not None
    order = [VICTIMS[turn % len(VICTIMS)] for turn in range(KILLS)]
    chance.shuffle(order)
    projector = project(world, breakable, tmp_path)
    for turn, victim in enumerate(order):
        told = traded("tiny", PER_ROUND, first=1 + PER_ROUND * turn)
        for some in batched(told.events, PER_TRANSACTION):
            world.write(told, some, together=True)
        # anywhere in the work on what was written: at once, or after some of its rows are there
        await_executed(world, PER_ROUND * turn + chance.randrange(PER_ROUND), projector)
        match victim:
            case "projector":
                projector.kill()
                projector.wait(30)
                projector = project(world, breakable, tmp_path)
            case "backend":
                kill_backend(world.database)
            case "postgres" | "kafka":
                servers.kill(directory, victim)
                servers.start(directory, victim)
    await_executed(world, PER_ROUND * KILLS, projector)
    projector.kill()
    projector.wait(30)
    world.catch_up()

    found = verify(world.cluster, world.codec, world.database, PROJECTIONS)

    assert [one.differences for one in found] == [()] * len(PROJECTIONS)
    assert rows(world.database, "parked_events") == []
    assert executions(world.database) == PER_ROUND * KILLS


def project(world: World, services: Services, directory: Path) -> "subprocess.Popen[bytes]":
    config = directory / "dispatcher.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{services.bootstrap_servers}"\n'
        f'topic_prefix = "{world.cluster.prefix}"\n'
        f'[registry]\nurl = "{services.registry_url}"\n'
        f'[postgres]\ndsn = "{world.database}"\n'
        f'[accounts.{AccountName("tiny")}]\nmode = "SIMULATED"\npreset = "tiny"\n'
        'start_from = "earliest"\nstarting_cash = 1000\n'
    )
    with (directory / "projector.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", "projections", "run", "--config", str(config)],
            stdout=output,
            stderr=output,
        )


def await_executed(world: World, count: int, projector: "subprocess.Popen[bytes]") -> None:
    """Return once so many executions are in the table; PostgreSQL may be away meanwhile."""
    while True:
        assert projector.poll() is None
        try:
            if executions(world.database) >= count:
                return
        except psycopg.OperationalError:
            pass  # it comes back
        Event().wait(0.02)


def executions(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT count(*) FROM dispatch_executions").fetchone()
    assert found is not None
    return int(found[0])


def kill_backend(dsn: str) -> None:
    """Kill the process that serves the projector, if one does just now, as a fault in it would."""
    try:
        with psycopg.connect(dsn) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'dispatcher-projector'"
            ).fetchone()
        if found is not None:
            os.kill(found[0], signal.SIGKILL)
    except (psycopg.OperationalError, ProcessLookupError):
        pass  # it was gone already: as dead as can be


def batched(events: Sequence[AnyEvent], count: int) -> Iterator[Sequence[AnyEvent]]:
    for first in range(0, len(events), count):
        yield events[first : first + count]
