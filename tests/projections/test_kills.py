"""Projector, PostgreSQL and Kafka are killed at random; afterwards the tables are the log's."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Final
from uuid import uuid4

import psycopg
import pytest

from consumers.cluster import Cluster
from consumers.projector.verify import verify
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from events.identifiers import AccountName
from migrations.apply import migrate
from projections.catalog import PROJECTIONS
from stack import servers
from stack.server import ServerName
from tests.projections.driving import rows
from tests.projections.projecting import World
from tests.projections.test_projector import executed, traded
from tests.services import Services

KILLS: Final = 20 if os.environ.get("DISPATCHER_TEST_SWEEP") else 3
VICTIMS: Final[tuple[ServerName | None, ...]] = (None, "postgres", "kafka")
"""None is the projector."""
PER_ROUND: Final = 12
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


@pytest.mark.timeout(900)
def test_verify_is_clean_after_projector_postgresql_and_kafka_were_killed_at_random(
    world: World, breakable: Services, tmp_path: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311 -- to be repeated, not to be secret
    directory = breakable.directory
    assert directory is not None
    order = [VICTIMS[turn % len(VICTIMS)] for turn in range(KILLS)]
    chance.shuffle(order)
    log = traded("tiny", PER_ROUND * KILLS)
    projector = project(world, breakable, tmp_path)
    for turn, victim in enumerate(order):
        first = 2 * PER_ROUND * turn
        world.write(log, log.events[first : first + 2 * PER_ROUND])
        # anywhere in the work on what was written: at once, or after some of its rows are there
        await_executed(world, PER_ROUND * turn + chance.randrange(PER_ROUND), projector)
        if victim is None:
            projector.kill()
            projector.wait(30)
            projector = project(world, breakable, tmp_path)
        else:
            servers.kill(directory, victim)
            servers.start(directory, victim)
    await_executed(world, PER_ROUND * KILLS, projector)
    projector.kill()
    projector.wait(30)
    world.catch_up()

    found = verify(world.cluster, world.codec, world.database, PROJECTIONS)

    assert [one.differences for one in found] == [()] * len(PROJECTIONS)
    assert rows(world.database, "parked_events") == []
    assert len(executed(world.database)) == PER_ROUND * KILLS


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
            if len(executed(world.database)) >= count:
                return
        except psycopg.OperationalError:
            pass  # it comes back
        Event().wait(0.02)
