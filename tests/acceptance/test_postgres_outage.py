"""PostgreSQL goes away in the middle of a run: dispatching never pauses, the tables catch up."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from events.identifiers import AccountName
from migrations.apply import migrate
from stack import servers
from tests.dispatcher.world import PATIENCE_S, World, ends, fresh_advice

SWEEP = bool(os.environ.get("DISPATCHER_TEST_SWEEP"))
OUTAGE_S_MIN = 60 if SWEEP else 0
DURING_OUTAGE = range(6, 36)


@pytest.fixture
def dsn(breakable_world: World) -> str:
    """A new, migrated database on the PostgreSQL that may be broken."""
    base = breakable_world.services.postgres_dsn
    name = f"t{uuid4().hex[:16]}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    dsn = base.rsplit("/", 1)[0] + f"/{name}"
    migrate(dsn)
    return dsn


def test_dispatching_goes_on_without_postgresql_and_the_tables_catch_up(
    breakable_world: World, dsn: str
) -> None:
    # given: a dispatcher and a projector at work
    world = breakable_world
    directory = world.services.directory
    assert directory is not None
    account = world.open_account()
    projector = _project(world, dsn)
    try:
        world.start(account)
        world.publish(*(fresh_advice(number, ticker=f"T{number}") for number in range(1, 6)))
        world.await_ends(account, *range(1, 6))
        _await(lambda: len(_statuses(dsn, account)) == 5)

        # when: PostgreSQL is gone, advice keeps coming
        servers.stop(directory, "postgres")
        began = time.monotonic()
        for number in DURING_OUTAGE:
            world.publish(fresh_advice(number, ticker=f"T{number}"))
        events = world.await_ends(account, *DURING_OUTAGE)
        assert ends(events) == dict.fromkeys([*range(1, 6), *DURING_OUTAGE], 1)
        threading.Event().wait(max(0.0, began + OUTAGE_S_MIN - time.monotonic()))
        servers.start(directory, "postgres")

        # then: the tables come to say what the log says
        told = world.state(account).ends
        _await(lambda: len(_statuses(dsn, account)) == told.total)
        statuses = list(_statuses(dsn, account).values())
        assert statuses.count("executed") == told.executed == len(world.ledger(account))
        assert statuses.count("declined") == told.declined
        assert _executions(dsn, account) == told.executed
        assert _parked(dsn) == 0
        assert projector.poll() is None
    finally:
        projector.terminate()
        assert projector.wait(30) == 0


def _project(world: World, dsn: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"DISPATCHER__POSTGRES__DSN": dsn}
    with (world.directory / "projector.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", "projections", "run", "--config", str(world.config)],
            stdout=output,
            stderr=output,
            env=environment,
        )


def _statuses(dsn: str, account: AccountName) -> dict[int, str]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT recommendation_id, status FROM recommendation_status WHERE account_name = %s "
            "AND status NOT IN ('pending', 'accepted', 'unresolved')",
            [account],
        ).fetchall()
    return dict(found)


def _executions(dsn: str, account: AccountName) -> int:
    with psycopg.connect(dsn) as connection:
        [[count]] = connection.execute(
            "SELECT count(*) FROM dispatch_executions WHERE account_name = %s", [account]
        ).fetchall()
    return int(count)


def _parked(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        [[count]] = connection.execute("SELECT count(*) FROM parked_events").fetchall()
    return int(count)


def _await(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
