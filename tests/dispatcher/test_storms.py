"""A storm of faults and crashes, seeded: no order twice, none lost, each ends as the broker has it.

Each run is an account with nine recommendations, its own faults at the broker and its own deaths.
"""

import os
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from consumers.cluster import Cluster
from events.codec import Codec
from stack.alpaca_server.running import running_alpaca
from tests.dispatcher.storm.batch import RECOMMENDATIONS, Batch, Run, storm
from tests.dispatcher.storm.telling import story_of
from tests.dispatcher.storm.verdict import faults_of
from tests.dispatcher.world import World
from tests.services import Services

SWEEP: Final = bool(os.environ.get("DISPATCHER_TEST_SWEEP"))
RUNS: Final = int(os.environ.get("DISPATCHER_TEST_STORMS", "1000" if SWEEP else "10"))
SIDE_BY_SIDE: Final = 20
SEED: Final = int(os.environ.get("DISPATCHER_TEST_SEED", "20261124"))


@pytest.mark.timeout(2 * 3600 if SWEEP else 900)
def test_no_order_is_sent_twice_and_none_is_lost_in_a_storm_of_faults_and_crashes(
    services: Services, codec: Codec, tmp_path: Path
) -> None:
    print(f"\nDISPATCHER_TEST_SEED={SEED}, {RUNS} runs")  # noqa: T201 -- to do it again
    began, wrong = time.monotonic(), list[str]()
    faults, lives = Counter[str](), Counter[str]()
    for first in range(0, RUNS, SIDE_BY_SIDE):
        numbers = range(first, min(first + SIDE_BY_SIDE, RUNS))
        directory = tmp_path / str(first)
        directory.mkdir()
        cluster = Cluster(services.bootstrap_servers, f"t{uuid4().hex[:12]}.")
        world = World(services, cluster, codec, directory)
        with running_alpaca() as alpaca, closing(world):
            batch = storm(world, alpaca, SEED, numbers)
            found = _faults(batch)
        for one in found:
            print(one)  # noqa: T201 -- what is wrong, as soon as it is known
        wrong += found
        faults += batch.faults_hit
        for run in batch.runs:
            lives += run.ended
        print(f"{numbers.stop} runs, {time.monotonic() - began:.0f} s, {len(wrong)} wrong")  # noqa: T201 -- as above
    print(dict(sorted(faults.items())), dict(sorted(lives.items())))  # noqa: T201 -- as above
    assert not wrong, "\n".join(wrong)
    assert faults
    assert sum(lives.values()) >= 2 * RUNS


def _faults(batch: Batch) -> list[str]:
    posts, wrong = batch.desk.alpaca.posts(), list[str]()
    for run in batch.runs:
        orders = batch.desk.orders(run.account)
        own = [post for post in posts if post["account"] == run.number]
        found = list(faults_of(run.events, orders, own, RECOMMENDATIONS))
        if run.unsettled:
            wrong.append(f"not settled: {run.unsettled}\n{orders}")
        if found:
            _tell(batch, run, found)
        wrong += [f"{run.label}, {run.account}: {fault}" for fault in found]
    return wrong


def _tell(batch: Batch, run: Run, faults: list[str]) -> None:
    """Print what happened to the orders that `faults` name, for whoever must find out why."""
    requests = batch.desk.alpaca.requests()
    print(run.label, dict(run.ended), run.plan.hidings)  # noqa: T201 -- as said above
    for recommendation in RECOMMENDATIONS:
        name = f"{run.account}-{recommendation}-entry"
        if any(name in fault for fault in faults):
            print(name, story_of(name, run.account, run.events, requests), sep="\n")  # noqa: T201 -- as said above
