"""How long `dispatcher --help` takes, beside a process of the same Python that does nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from bench.results import Figure

_HELP: Final = ("-m", "cli.main", "--help")
_NOTHING: Final = ("-c", "pass")


def helping(rounds: int) -> Iterator[Figure]:
    """Yield the median wall time of `rounds` calls, each after one of the floor's."""
    found: list[float] = []
    floor: list[float] = []
    for _ in range(rounds):
        floor.append(_wall_s(_NOTHING))
        found.append(_wall_s(_HELP))
    yield Figure(name="help.wall", unit="ms", value=1e3 * median(found), floor=1e3 * median(floor))


def _wall_s(arguments: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 -- our own module
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - began
