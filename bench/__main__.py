"""Measure: ``python -m bench [--quick|--full] [--only decide|project|…] [--json FILE]``."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.deciding import deciding
from bench.halting import halting
from bench.hand_over import handing_over
from bench.helping import helping
from bench.live import living
from bench.measure import Size, dispatching, one_at_a_time, projecting, restarting
from bench.neighbours import beside_a_late_one, beside_one_in_trouble
from bench.ordering import ordering
from bench.peers.comparing import beside_peers
from bench.rebuilding import rebuilding
from bench.rebuilding_live import rebuilding_live
from bench.results import Figure, as_json, as_table, dump
from bench.services import services
from bench.visible import becoming_visible
from consumers.registry import register
from stack.up import StackAddresses

_10K: Final = 10_000
_100K: Final = 100_000
_1M: Final = 1_000_000
_5M: Final = 5_000_000
_10M: Final = 10_000_000
_ROUNDS: Final = 3
_DECIDING_ROUNDS: Final = 60
_ALONE: Final = (
    "decide",
    "dispatch",
    "project",
    "live",
    "visible",
    "rebuild",
    "rebuild_live",
    "peers",
    "one_at_a_time",
    "order",
    "halt",
    "help",
    "restart",
    "hand_over",
    "neighbours",
    "backlog",
)


def measure(addresses: StackAddresses, plan: dict[str, list[Size]]) -> Iterator[Figure]:
    """Yield every figure of `plan`: its sizes by the name of what is measured."""
    with TemporaryDirectory(prefix="dispatcher-bench-") as directory:
        for clock in ("system", "historical"):
            for size in plan["dispatch"]:
                yield from dispatching(addresses, clock, size, Path(directory))
    yield from _measure_projectors(addresses, plan)
    for size in plan["one_at_a_time"]:
        yield from one_at_a_time(addresses, size.records)
    for size in plan["order"]:
        yield from ordering(addresses, size.records)
    for size in plan["halt"]:
        yield from halting(addresses, size.records)
    for size in plan["help"]:
        yield from helping(size.records)
    for size in plan["restart"]:
        yield from restarting(addresses, size)
    for size in plan["hand_over"]:
        yield from handing_over(addresses, size.records)
    yield from _measure_neighbours(addresses, plan)


def _measure_projectors(addresses: StackAddresses, plan: dict[str, list[Size]]) -> Iterator[Figure]:
    for size in plan["project"]:
        yield from projecting(addresses, size)
    for size in plan["rebuild"]:
        yield from rebuilding(addresses, size)
    for size in plan["rebuild_live"]:
        yield from rebuilding_live(addresses, size)
    for size in plan["live"]:
        yield from living(addresses, size.records, size.rounds)
    for size in plan["visible"]:
        yield from becoming_visible(addresses, size.records)
    for size in plan["peers"]:
        yield from beside_peers(addresses, size)


def _measure_neighbours(addresses: StackAddresses, plan: dict[str, list[Size]]) -> Iterator[Figure]:
    for size in plan["neighbours"]:
        yield from beside_one_in_trouble(addresses, size)
    for size in plan["backlog"]:
        yield from beside_a_late_one(addresses, size)


def plan_of(*, full: bool) -> dict[str, list[Size]]:
    """Return what to measure, how large and how often."""
    if full:
        sizes = [Size(_10K, _ROUNDS), Size(_100K, _ROUNDS), Size(_1M, 1)]
        return {
            "dispatch": sizes,
            "project": sizes,
            "rebuild": [Size(_100K, 1), Size(_1M, 1), Size(_5M, 1)],
            "rebuild_live": [Size(_100K, 1), Size(_1M, 1), Size(_10M, 1)],
            "live": [Size(_100K, _ROUNDS)],
            "visible": [Size(500, 1)],
            "peers": [Size(_100K, _ROUNDS)],
            "one_at_a_time": [Size(1000, 1)],
            "order": [Size(1000, 1)],
            "halt": [Size(500, 1)],
            "help": [Size(31, 1)],
            "restart": [Size(1000, _ROUNDS), Size(_1M, 1)],
            "hand_over": [Size(20, 1)],
            "neighbours": [Size(100, 10)],
            "backlog": [Size(_100K, 1)],
        }
    return {
        "dispatch": [Size(_10K, 1)],
        "project": [Size(_10K, _ROUNDS)],
        "rebuild": [Size(_10K, 1)],
        "rebuild_live": [Size(_10K, 1)],
        "live": [Size(2 * _10K, _ROUNDS)],
        "visible": [Size(100, 1)],
        "peers": [Size(_10K, _ROUNDS)],
        "one_at_a_time": [Size(200, 1)],
        "order": [Size(200, 1)],
        "halt": [Size(100, 1)],
        "help": [Size(11, 1)],
        "restart": [Size(1000, _ROUNDS), Size(_100K, 1)],
        "hand_over": [Size(5, 1)],
        "neighbours": [Size(40, 4)],
        "backlog": [Size(_10K, 1)],
    }


def main(arguments: list[str]) -> int:
    """Run the program; figures as they come on stderr, the table or nothing else on stdout."""
    parser = ArgumentParser(prog="python -m bench", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="10k records, some 6 minutes (default)")
    size.add_argument("--full", action="store_true", help="10k, 100k and 1M records: hours")
    parser.add_argument(
        "--only",
        choices=_ALONE,
        action="append",
        help="this alone, or these; decisions need no service, peers are measured only so",
    )
    parser.add_argument(
        "--records", type=int, metavar="N", help="so many of what --only names, in one round"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the JSON object here")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    figures: list[Figure] = []

    def note(found: Iterable[Figure]) -> None:
        for figure in found:
            figures.append(figure)
            elapsed = time.monotonic() - began
            told = f"{figure.name} {figure.value:,.4g} {figure.unit}"
            sys.stderr.write(f"{elapsed:6.0f} s  {told}\n")

    only = asked.only or [name for name in _ALONE if name != "peers"]
    plan = plan_of(full=asked.full)
    if asked.records:
        plan = {name: [Size(asked.records, 1)] for name in plan}
    plan = {name: sizes if name in only else [] for name, sizes in plan.items()}
    try:
        if "decide" in only:
            note(deciding(_DECIDING_ROUNDS))
        if any(plan.values()):
            with services() as addresses:
                register(addresses.registry_url)
                note(measure(addresses, plan))
    finally:  # what took hours is told, whatever ended it
        found = as_json(figures)
        sys.stdout.write(as_table(found))
        if asked.json is not None:
            asked.json.write_text(dump(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
