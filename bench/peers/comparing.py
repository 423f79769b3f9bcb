"""One topic into one table, by our projector and by its peers, in turn; and the rows compared."""

from collections.abc import Iterator
from statistics import median
from typing import Final
from uuid import uuid4

import psycopg

from bench.ground import Ground, Publisher, database
from bench.measure import Size, advices
from bench.peers.environment import run_peer
from bench.process import measured
from bench.results import Figure, Run
from events.topics import RECOMMENDATIONS
from stack.up import StackAddresses

_PROJECTION: Final = "recommendations"
PEERS: Final = ("faststream_batches", "quix_sink", "eventsourcing_runner")
_SLOW: Final = frozenset({"eventsourcing_runner"})
"""One transaction an event: these get the first events only, and their rate is what counts."""
_SLOW_MAX: Final = 10_000
_BATCHES: Final = {"faststream_batches": 2000, "quix_sink": 10_000}
"""The sizes at which each was quickest."""
_ROWS: Final = """
SELECT count(*), md5(string_agg(r::TEXT, ' ' ORDER BY id))
FROM dispatch_recommendations AS r WHERE log_offset < %s
"""


def beside_peers(addresses: StackAddresses, size: Size) -> Iterator[Figure]:
    """Yield our rate beside the best peer's, and each peer's own."""
    ours, theirs = list[Run](), {peer: list[Run]() for peer in PEERS}
    with Ground.prepared(addresses) as ground:
        Publisher(ground, RECOMMENDATIONS.name).append(advices("system", size.records))
        for _ in range(size.rounds):
            with database(addresses) as dsn:
                ours.append(_our_run(ground, dsn))
                expected = {peer: _rows(dsn, _count(size, peer)) for peer in PEERS}
            for peer in PEERS:
                with database(addresses) as dsn:
                    count = _count(size, peer)
                    theirs[peer].append(_their_run(ground, dsn, peer, count))
                    _require_same(peer, expected[peer], _rows(dsn, count))
    rates = {peer: _rate(runs) for peer, runs in theirs.items()}
    name = f"peers.{_PROJECTION}.{size.label}"
    yield Figure(name=name, unit="events/s", value=_rate(ours), floor=max(rates.values()))
    for peer, rate in rates.items():
        yield Figure(name=f"{name}.{peer}", unit="events/s", value=rate)


def _our_run(ground: Ground, dsn: str) -> Run:
    return measured(
        "project",
        bootstrap_servers=ground.cluster.bootstrap_servers,
        prefix=ground.cluster.prefix,
        registry_url=ground.addresses.registry_url,
        dsn=dsn,
        projections=[_PROJECTION],
    )


def _their_run(ground: Ground, dsn: str, peer: str, count: int) -> Run:
    return run_peer(
        peer,
        bootstrap_servers=ground.cluster.bootstrap_servers,
        registry_url=ground.addresses.registry_url,
        topic=ground.cluster.topic(RECOMMENDATIONS.name),
        group=ground.cluster.group(f"peer-{uuid4().hex[:8]}"),
        dsn=dsn,
        records=count,
        batch=_BATCHES.get(peer, 1),
    )


def _count(size: Size, peer: str) -> int:
    return min(size.records, _SLOW_MAX) if peer in _SLOW else size.records


def _rows(dsn: str, count: int) -> tuple[object, ...]:
    """Return how many rows there are of the first `count` records, and a digest of them."""
    with psycopg.connect(dsn) as connection:
        [found] = connection.execute(_ROWS, (count,)).fetchall()
        return found


def _require_same(peer: str, expected: tuple[object, ...], found: tuple[object, ...]) -> None:
    if found != expected:
        raise RuntimeError(f"{peer} has filled the table otherwise: {found}, not {expected}")


def _rate(runs: list[Run]) -> float:
    return median(run.records / run.seconds for run in runs)
