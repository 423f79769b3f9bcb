"""The demo's log is told anew while dispatchers and a projector work, and readers look all along.

Quick from 2021 on; whole, with DISPATCHER_TEST_SWEEP, from 2014 on.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from json import dumps
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import psycopg
from psycopg import sql

from examples.signal_engine.engine import recommendations
from projections.catalog import PROJECTIONS
from tests.cli.running import ROOT, TIMEOUT_S, Command, Place
from tests.services import Services

FIRST_DAY = date(2014, 1, 2) if os.environ.get("DISPATCHER_TEST_SWEEP") else date(2021, 6, 1)
TRAFFIC_FROM, LAST_DAY = date(2022, 6, 1), date(2022, 12, 31)
ACCOUNTS = ("large-default", "tiny")
TABLES = [table for projection in PROJECTIONS for table in projection.tables]
SHRINKS = {"account_positions"}  # what is sold is held no longer


@dataclass(slots=True)
class Reader:
    """What one who counts a table's rows once a millisecond has seen."""

    table: str
    looks: int = 0
    last: int = 0
    fewer: list[tuple[int, int]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def read(self, dsn: str, stop: Event) -> None:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(self.table))
        try:
            with psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=1s") as connection:
                while not stop.wait(0.001):
                    [[count]] = connection.execute(query).fetchall()
                    if count < self.last and self.table not in SHRINKS:
                        self.fewer.append((self.last, count))
                    self.looks, self.last = self.looks + 1, count
        except psycopg.Error as error:
            self.errors.append(error)


@contextmanager
def reading(dsn: str) -> Iterator[list[Reader]]:
    stop, readers = Event(), [Reader(table) for table in (*TABLES, "theirs")]
    threads = [Thread(target=one.read, args=(dsn, stop)) for one in readers]
    for thread in threads:
        thread.start()
    try:
        yield readers
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def started(dispatcher: Command, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=dispatcher.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def working(dispatcher: Command, *arguments: str) -> Iterator[None]:
    process = started(dispatcher, *arguments)
    try:
        yield
        assert process.poll() is None, f"{arguments} has ended"
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def done(dispatcher: Command, *arguments: str, stdin: str = "") -> str:
    answer = dispatcher(*arguments, stdin=stdin)
    assert answer.code == 0, answer.err
    return answer.out


def advice(first: date, last: date) -> str:
    return "".join(f"{dumps(one)}\n" for one in recommendations(first, last))


def ask(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(query.encode())
        return [] if found.description is None else found.fetchall()


def kill_half_way(dispatcher: Command, dsn: str) -> None:
    """Kill a rebuild once some of its tables are loaded."""
    process = started(dispatcher, "projections", "rebuild", "--processes", "2")
    loaded = (
        "SELECT count(*) FROM pg_tables WHERE schemaname LIKE 'dispatcher_rebuild_%'"
        " AND tablename = 'rebuild_mark'"
    )
    while ask(dsn, loaded) != [(len(PROJECTIONS),)]:
        assert process.poll() is None, "it ended before it could be killed"
    process.kill()
    assert process.wait(TIMEOUT_S) == -9


def test_the_demos_log_is_rebuilt_in_traffic_killed_half_way_and_no_reader_notices(
    services: Services, make_database: Callable[..., str], tmp_path: Path
) -> None:
    # given: the demo's history in the tables, and somebody's own view of them
    dsn = make_database()
    prefix = f"t{uuid4().hex[:12]}."
    place = Place(services.bootstrap_servers, services.registry_url, dsn, prefix)
    dispatcher = place.at(tmp_path)
    done(dispatcher, "migrate")
    done(dispatcher, "topics", "apply")
    history = advice(FIRST_DAY, TRAFFIC_FROM - timedelta(days=1))
    done(dispatcher, "recommendations", "publish", "-", stdin=history)
    for account in ACCOUNTS:
        done(dispatcher, "accounts", "run", account, "--until-caught-up")
    done(dispatcher, "projections", "run", "--until-caught-up")
    role = f"stranger_{uuid4().hex[:12]}"
    ask(dsn, f"CREATE ROLE {role} LOGIN")
    ask(dsn, "CREATE VIEW theirs AS SELECT * FROM dispatch_executions")
    ask(dsn, f"GRANT SELECT ON theirs, {', '.join(TABLES)} TO {role}")
    stranger = psycopg.conninfo.make_conninfo(dsn, user=role)
    [[before]] = ask(stranger, "SELECT count(*) FROM theirs")

    # when: it is rebuilt, killed, and rebuilt again, while everything works
    with ExitStack() as stack:
        stack.enter_context(working(dispatcher, "projections", "run"))
        for account in ACCOUNTS:
            stack.enter_context(working(dispatcher, "accounts", "run", account))
        with reading(stranger) as readers:
            traffic = advice(TRAFFIC_FROM, LAST_DAY)
            done(dispatcher, "recommendations", "publish", "-", stdin=traffic)
            kill_half_way(dispatcher, dsn)
            rebuilt = json.loads(done(dispatcher, "projections", "rebuild", "--json"))
    for account in ACCOUNTS:
        done(dispatcher, "accounts", "run", account, "--until-caught-up")
    done(dispatcher, "projections", "run", "--until-caught-up")

    # then
    for reader in readers:
        assert (reader.errors, reader.fewer) == ([], []), reader.table
        assert reader.looks > 20, reader.table
    assert {one["projection"] for one in rebuilt} == {one.name for one in PROJECTIONS}
    [[after]] = ask(stranger, "SELECT count(*) FROM theirs")
    assert int(str(after)) > int(str(before)) > 0
    assert ask(dsn, "SELECT FROM pg_namespace WHERE nspname LIKE 'dispatcher_rebuild_%'") == []
    done(dispatcher, "projections", "verify")  # exit code 6 if a row differed
    ask(dsn, f"DROP OWNED BY {role}")
    ask(dsn, f"DROP ROLE {role}")
