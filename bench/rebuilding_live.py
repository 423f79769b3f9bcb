"""A rebuild beside a projector, somebody who appends and a reader; killed half-way, begun again."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from threading import Event, Thread
from typing import Any, Final

import psycopg
from psycopg import sql

from bench.ground import Ground, Publisher, database
from bench.measure import Size
from bench.process import TaskFailedError, answer, run_task, running_task
from bench.rebuilding import PROCESSES, filled
from bench.results import Figure, percentile
from bench.story import history
from consumers.cluster import Cluster
from consumers.projector.reading import committed_ends
from consumers.projector.run import run_projector
from consumers.projector.settings import ProjectorSettings
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of
from projections.catalog import PROJECTIONS
from stack.up import StackAddresses

_LOOK: Final = """
SELECT coalesce(max(recommendation_id), 0) FROM dispatch_orders WHERE account_name = 'a0'
"""
_PAUSE_S: Final = 0.1
_AT_ONCE: Final = 10
_LOOKS_PAUSE_S: Final = 0.01


def rebuilding_live(addresses: StackAddresses, size: Size) -> Iterator[Figure]:
    """Rebuild tables that are right while their log grows by 100 events a second.

    Once they are killed half-way and begun again, once after somebody has emptied them.
    """
    name = f"rebuild.{size.label}.live"
    with filled(addresses, size.records) as ground, database(addresses) as dsn:
        told = ground.logs
        first = run_task("rebuild", **told, dsn=dsn)
        rate = size.records / first["seconds"]
        yield Figure(name=f"{name}.before", unit="events/s", value=rate)
        memory = first["child_memory_mib"]
        yield Figure(name=f"{name}.before.peak_memory.child", unit="MiB", value=memory)
        yield from _begun_again(name, ground, told, dsn)
        yield from _refilled(name, ground, told, dsn)


def _begun_again(name: str, ground: Ground, told: dict[str, Any], dsn: str) -> Iterator[Figure]:
    with (
        _projecting(told, dsn),
        _appending(ground) as appended,
        _reading(dsn) as reader,
    ):
        _killed_half_way(told, dsn)
        done = run_task("rebuild", **told, dsn=dsn)
    share = done["kept"] / done["offsets"]
    yield Figure(name=f"{name}.kept", unit="share", value=share)
    yield Figure(name=f"{name}.seconds", unit="s", value=done["seconds"])
    yield Figure(name=f"{name}.swap.longest", unit="ms", value=max(done["swaps_ms"]))
    yield Figure(name=f"{name}.rows_changed", unit="rows", value=done["rows_changed"])
    yield Figure(name=f"{name}.appended", unit="events", value=appended.count)
    yield Figure(name=f"{name}.reader.looks", unit="queries", value=len(reader.waits))
    yield Figure(name=f"{name}.reader.fewer", unit="times", value=reader.fewer)
    for what, share in (("p99", 0.99), ("longest", 1.0)):
        yield Figure(
            name=f"{name}.reader.{what}",
            unit="ms",
            value=1e3 * percentile(reader.waits, share),
        )
    yield Figure(name=f"{name}.differing", unit="rows", value=_differing(told, dsn))


def _refilled(name: str, ground: Ground, told: dict[str, Any], dsn: str) -> Iterator[Figure]:
    with _projecting(told, dsn), _appending(ground):
        _empty(dsn)
        done = run_task("rebuild", **told, dsn=dsn)
    longest = max(done["swaps_ms"])
    yield Figure(name=f"{name}.emptied.seconds", unit="s", value=done["seconds"])
    yield Figure(name=f"{name}.emptied.swap.longest", unit="ms", value=longest)
    yield Figure(name=f"{name}.emptied.differing", unit="rows", value=_differing(told, dsn))


def _differing(told: dict[str, Any], dsn: str) -> int:
    """Catch up, then return how many rows are not what the logs say."""
    run_task("project", **told, dsn=dsn, projections=[one.name for one in PROJECTIONS])
    found = run_task("verify", **told, dsn=dsn, processes=PROCESSES)
    return int(found["differing"])


@dataclass
class _Appended:
    count: int = 0


@dataclass
class _Reader:
    """What somebody saw who asks for an account's newest order: `fewer` if it was gone again."""

    waits: list[float] = field(default_factory=list)
    fewer: int = 0


def project_on(bootstrap_servers: str, prefix: str, registry_url: str, dsn: str) -> None:
    """Project until SIGTERM."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    source = RegistrySchemaSource(registry_url)
    settings = ProjectorSettings(
        cluster=Cluster(bootstrap_servers, prefix),
        postgres_dsn=dsn,
        build="bench",
        group=f"projector-{dsn.rpartition('/')[2]}",
    )
    run_projector(settings, Codec(source), stop=stop)
    source.close()
    answer(stopped=True)


@contextmanager
def _projecting(told: dict[str, Any], dsn: str) -> Iterator[None]:
    with running_task("project_on", **told, dsn=dsn) as projector:
        yield
        projector.send_signal(signal.SIGTERM)
        projector.wait(60)


def _killed_half_way(told: dict[str, Any], dsn: str) -> None:
    with running_task("rebuild", **told, dsn=dsn, aloud=True) as process:
        for line in process.stdout or ():
            said = json.loads(line)
            if said["done"] >= said["total"] / 2:
                process.kill()
                return
    raise TaskFailedError("the rebuild had ended before it could be killed")


def _empty(dsn: str) -> None:
    """Do what somebody does who drops all tables and has them made again."""
    tables = sql.SQL(", ").join(
        sql.Identifier(table) for one in PROJECTIONS for table in one.tables
    )
    with psycopg.connect(dsn) as connection:
        connection.execute(sql.SQL("TRUNCATE {}").format(tables))


@contextmanager
def _appending(ground: Ground) -> Iterator[_Appended]:
    account = AccountName(ground.accounts[0])
    there = end_of_log(ground, account)
    more = islice(history(account, 10 * there + 1_000_000), there, None)
    some = list(islice(more, _AT_ONCE))  # of a long log that takes a while
    publisher, appended, stop = Publisher(ground, log_of(account).name), _Appended(), Event()

    def append() -> None:
        nonlocal some
        while not stop.wait(_PAUSE_S):
            publisher.append(some)
            appended.count += _AT_ONCE
            some = list(islice(more, _AT_ONCE))

    with _beside(append, stop):
        yield appended


@contextmanager
def _reading(dsn: str) -> Iterator[_Reader]:
    reader, stop = _Reader(), Event()

    def read() -> None:
        last = 0
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.wait(_LOOKS_PAUSE_S):
                began = time.monotonic()
                row = connection.execute(_LOOK).fetchone()
                reader.waits.append(time.monotonic() - began)
                newest = 0 if row is None else row[0]
                reader.fewer += newest < last
                last = newest

    with _beside(read, stop):
        yield reader


@contextmanager
def _beside(work: Callable[[], None], stop: Event) -> Iterator[None]:
    errors: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 -- raised where it is waited for
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


def end_of_log(ground: Ground, account: AccountName) -> int:
    """Return how many events a log has that was written outside transactions."""
    return committed_ends(ground.cluster, PROJECTIONS)[log_of(account).name, 0]
