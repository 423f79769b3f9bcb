"""A projector as a process of its own, and how far it is."""

import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Final

import psycopg

from tests.projections.projecting import World
from tests.services import Services

ACCOUNTS: Final = ("tiny", "large")


def configured(world: World, services: Services, directory: Path) -> Path:
    """Write a configuration of the world's accounts, and return where it is."""
    config = directory / "dispatcher.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{services.bootstrap_servers}"\n'
        f'topic_prefix = "{world.cluster.prefix}"\n'
        f'[registry]\nurl = "{services.registry_url}"\n'
        f'[postgres]\ndsn = "{world.database}"\n'
        + "".join(
            f'[accounts.{account}]\nmode = "SIMULATED"\npreset = "tiny"\n'
            'start_from = "earliest"\nstarting_cash = 1000\n'
            for account in ACCOUNTS
        )
    )
    return config


def project(world: World, services: Services, directory: Path) -> "subprocess.Popen[bytes]":
    config = configured(world, services, directory)
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
