"""A rebuild from nothing; beside it the same records decoded, the same rows copied and indexed."""

import resource
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from psycopg import sql

from bench.ground import Ground, Publisher, database
from bench.measure import Size
from bench.process import answer, peak_memory_mib, run_task
from bench.results import Figure
from bench.story import cycle_of_advice, history
from consumers.clock import SystemClock
from consumers.cluster import Cluster
from consumers.projector.building import RebuildSettings
from consumers.projector.history import History
from consumers.projector.reading import committed_ends
from consumers.projector.rebuild import rebuild
from consumers.projector.spreading import Workers
from consumers.projector.verify import verify
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import RECOMMENDATIONS, log_of
from projections import later
from projections.catalog import PROJECTIONS
from projections.checkpoints import Partition
from projections.session import Session
from projections.shadow import Shadow
from stack.up import StackAddresses

_ACCOUNTS: Final = 8
"""So many logs share the events."""
PROCESSES: Final = 2
_KIB_PER_MIB: Final = 1024
_GROWING: Final = tuple(one for one in PROJECTIONS if one.finisher is not None)
"""Those whose rows grow with the log."""


def rebuilding(addresses: StackAddresses, size: Size) -> Iterator[Figure]:
    """All tables from nothing, with nobody else there; what `verify` says of them."""
    name = f"rebuild.{size.label}"
    with (
        TemporaryDirectory(prefix="dispatcher-bench-") as directory,
        filled(addresses, size.records) as ground,
        database(addresses) as dsn,
    ):
        Path(directory).chmod(0o755)  # the server reads made-up rows there
        told = ground.logs
        done = run_task("rebuild", **told, dsn=dsn)
        decoded = run_task("rebuild_decode", **told)["seconds"]
        copied, indexed = _copy_and_index(addresses, dsn, Path(directory))
        floor = decoded + copied + indexed
        swapped = sum(done["swaps_ms"]) / 1e3
        yield Figure(
            name=name,
            unit="events/s",
            value=size.records / done["seconds"],
            floor=size.records / floor,
        )
        yield Figure(
            name=f"{name}.without_swap",
            unit="events/s",
            value=size.records / (done["seconds"] - swapped),
            floor=size.records / floor,
        )
        seconds = {"decode": decoded, "copy": copied, "index": indexed, "swap": swapped}
        for part, value in seconds.items():
            yield Figure(name=f"{name}.{part}", unit="s", value=value)
        for whose in ("parent", "child"):
            value = done[f"{whose}_memory_mib"]
            yield Figure(name=f"{name}.peak_memory.{whose}", unit="MiB", value=value)
        found = run_task("verify", **told, dsn=dsn)
        yield Figure(name=f"{name}.verify", unit="events/s", value=size.records / found["seconds"])
        spread = run_task("verify", **told, dsn=dsn, processes=PROCESSES)
        rate = size.records / spread["seconds"]
        yield Figure(name=f"{name}.verify.two_processes", unit="events/s", value=rate)
        yield Figure(name=f"{name}.verify.peak_memory", unit="MiB", value=found["peak_memory_mib"])
        yield Figure(name=f"{name}.verify.differing", unit="rows", value=found["differing"])


@contextmanager
def filled(addresses: StackAddresses, count: int) -> Iterator[Ground]:
    """Write logs of `count` events together, and the advice that all of them are about."""
    accounts = [f"a{number}" for number in range(_ACCOUNTS)]
    each = count // _ACCOUNTS
    with Ground.prepared(addresses, *accounts) as ground:
        Publisher(ground, RECOMMENDATIONS.name).append(
            one for cycle in range(-(-each // 8)) for one in cycle_of_advice(cycle)
        )
        with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
            list(pool.map(partial(_append, ground, each), ground.accounts))
        yield ground


def rebuild_tables(
    bootstrap_servers: str, prefix: str, registry_url: str, dsn: str, *, aloud: bool = False
) -> None:
    """Rebuild all tables; `aloud` say how far it is, line by line."""
    source = RegistrySchemaSource(registry_url)
    settings = RebuildSettings(
        cluster=Cluster(bootstrap_servers, prefix),
        postgres_dsn=dsn,
        build="bench",
        by="bench",
        now=SystemClock().now,
        registry_url=registry_url,
        processes=PROCESSES,
    )
    began = time.monotonic()

    def note(phase: str, done: int, total: int) -> None:
        if aloud and phase in ("loading", "catching up"):  # else it counts projections
            answer(done=done, total=total)

    found = rebuild(settings, Codec(source), PROJECTIONS, note)
    answer(
        seconds=time.monotonic() - began,
        swaps_ms=[one.swap_ms for one in found],
        kept=sum(one.kept for one in found),
        offsets=sum(one.records + one.kept for one in found),
        rows_changed=sum(one.rows_changed for one in found),
        parent_memory_mib=peak_memory_mib(),
        child_memory_mib=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / _KIB_PER_MIB,
    )


def verify_tables(
    bootstrap_servers: str, prefix: str, registry_url: str, dsn: str, *, processes: int = 1
) -> None:
    """Verify all tables, their logs spread over `processes`."""
    codec = Codec(RegistrySchemaSource(registry_url))
    began = time.monotonic()
    found = verify(
        Cluster(bootstrap_servers, prefix),
        codec,
        dsn,
        PROJECTIONS,
        workers=Workers(registry_url=registry_url, processes=processes),
    )
    answer(
        seconds=time.monotonic() - began,
        differing=sum(len(one.differences) for one in found),
        peak_memory_mib=peak_memory_mib(),
    )


def decode_all(bootstrap_servers: str, prefix: str, registry_url: str) -> None:
    """Read and decode every record once, spread over as many processes as the rebuild has."""
    cluster = Cluster(bootstrap_servers, prefix)
    ends = committed_ends(cluster, PROJECTIONS)
    parts = sorted(ends.items(), key=lambda part: part[1], reverse=True)
    began = time.monotonic()
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        told = [(cluster, registry_url, place, end) for place, end in parts]
        list(pool.map(_decode, told))
    answer(seconds=time.monotonic() - began)


def _decode(told: tuple[Cluster, str, Partition, int]) -> int:
    cluster, registry_url, place, end = told
    codec = Codec(RegistrySchemaSource(registry_url)).with_gates_as_text()
    with History(cluster, codec) as history:
        return sum(len(chunk.records) for chunk in history.read({}, {place: end}))


def _copy_and_index(addresses: StackAddresses, dsn: str, directory: Path) -> tuple[float, float]:
    """Return the seconds for a bare COPY of all rows, by the server from files, and for keys."""
    copied = indexed = 0.0
    with database(addresses) as empty:
        for projection in _GROWING:
            files = [_copied_out(dsn, table, directory) for table in projection.tables]
            shadow = Shadow(empty, projection)
            shadow.open("floor")
            began = time.monotonic()
            for file, columns in files:
                _copy_in(shadow.session, file, columns)
            copied += time.monotonic() - began
            began = time.monotonic()
            later.build(shadow.session.connection())
            indexed += time.monotonic() - began
            shadow.close()
            for file, _ in files:
                file.unlink()
    return copied, indexed


def _copied_out(dsn: str, table: str, directory: Path) -> tuple[Path, Sequence[str]]:
    session, file = Session(dsn), directory / table
    connection = session.connection()
    connection.execute("SET statement_timeout = 0")
    columns = [
        str(name)
        for (name,) in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::REGCLASS AND attnum > 0"
            " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            (table,),
        )
    ]
    query = sql.SQL("COPY {} ({}) TO STDOUT").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with file.open("wb") as out, connection.cursor() as cursor, cursor.copy(query) as copy:
        for block in copy:
            out.write(block)
    session.close()
    return file, columns


def _copy_in(session: Session, file: Path, columns: Sequence[str]) -> None:
    """Let the server read the file itself: no client is quicker."""
    connection = session.connection()
    connection.execute("SET statement_timeout = 0")
    query = sql.SQL("COPY {} ({}) FROM {}").format(
        sql.Identifier(file.name),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Literal(str(file)),
    )
    connection.execute(query)


def _append(ground: Ground, count: int, name: str) -> None:
    account = AccountName(name)
    Publisher(ground, log_of(account).name).append(history(account, count))
