"""The four measurements: processes under test and their floors, in turn, round after round."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.ground import Ground, Publisher, database
from bench.process import measured, run_task, running_task
from bench.results import Figure, Run, compare, percentile
from bench.story import START, advice, cycle_of_advice, history
from consumers.clock import SystemClock
from events.identifiers import AccountName
from events.recommendation import Action, RecommendationIssued
from events.topics import RECOMMENDATIONS, log_of
from projections.catalog import PROJECTIONS
from stack.up import StackAddresses

_TICKERS: Final = {"historical": 20, "system": 500}
_PAUSE_S: Final = 0.02
_WARM_UP: Final = 6
_ROUNDS_MIN: Final = 5


@dataclass(frozen=True, slots=True)
class Size:
    """How many records, and how many rounds of process and floor."""

    records: int
    rounds: int

    @property
    def label(self) -> str:
        """Return the number as names have it: 10k, 1M."""
        millions, rest = divmod(self.records, 1_000_000)
        if millions and not rest:
            return f"{millions}M"
        thousands, rest = divmod(self.records, 1_000)
        return f"{thousands}k" if thousands and not rest else str(self.records)


def dispatching(
    addresses: StackAddresses, clock: str, size: Size, directory: Path
) -> Iterator[Figure]:
    """From topic to committed outcome, on a system or a historical clock."""
    names = [f"{kind}{number}" for number in range(size.rounds) for kind in ("real", "floor")]
    with Ground.prepared(addresses, *names) as ground:
        Publisher(ground, RECOMMENDATIONS.name).append(advices(clock, size.records))
        settings = ground.settings(clock=clock)
        runs, floors = list[Run](), list[Run]()
        plan = str(directory / "plan.jsonl")
        for number in range(size.rounds):
            account = f"real{number}"
            runs.append(measured("dispatch", settings=settings, account=account, plan=plan))
            told = {**ground.kafka, "account": f"floor{number}", "plan": plan}
            floors.append(measured("dispatch_floor", **told))
    yield from compare(f"dispatch.{clock}.{size.label}", "recommendations", runs, floors)


def projecting(addresses: StackAddresses, size: Size) -> Iterator[Figure]:
    """From the account's log to the tables: `dispatch_executions` alone, then all of them."""
    with Ground.prepared(addresses, "story") as ground:
        fill(ground, size.records)
        for name, wanted in (
            ("executions", ["executions"]),
            ("all_tables", [projection.name for projection in PROJECTIONS]),
        ):
            told: dict[str, Any] = {**ground.kafka, "projections": wanted}
            runs, floors = list[Run](), list[Run]()
            for _ in range(size.rounds):
                with database(addresses) as dsn:
                    real = {**told, "registry_url": addresses.registry_url, "dsn": dsn}
                    runs.append(measured("project", **real))
                with database(addresses) as dsn:
                    floors.append(measured("project_floor", **told, dsn=dsn, account="story"))
            yield from compare(f"project.{name}.{size.label}", "events", runs, floors)


def one_at_a_time(addresses: StackAddresses, samples: int) -> Iterator[Figure]:
    """From one recommendation's append to its decision's commit, beside one bare transaction."""
    waits, bare = list[float](), list[float]()
    with Ground.prepared(addresses, "real", "floor") as ground:
        settings = ground.settings()
        publisher = Publisher(ground, RECOMMENDATIONS.name)
        with (
            running_task("dispatch_live", settings=settings, account="real") as real,
            running_task("bare_transactions", **ground.kafka, account="floor") as floor,
        ):
            said = map(json.loads, real.stdout or ())
            answers = map(json.loads, floor.stdout or ())
            list(islice(said, 2))  # AccountOpened and DispatcherStarted
            for number in range(-_WARM_UP, samples):
                place = number + _WARM_UP
                action = Action.SELL if place % 2 else Action.BUY
                one = advice(place, "MSFT", action, SystemClock().now(), good=True)
                began = publisher.append_one(one)
                decided = next(line["at"] for line in said if line["decided"])
                next(said)  # its outcome
                if floor.stdin is not None:
                    floor.stdin.write("once\n")
                    floor.stdin.flush()
                transaction = next(answers)["seconds"]
                time.sleep(_PAUSE_S)
                if number >= 0:
                    waits.append(decided - began)
                    bare.append(transaction)
            real.send_signal(signal.SIGTERM)
            real.wait(30)
    figure = partial(Figure, unit="ms")
    for name, of in (("median", median), ("p99", partial(percentile, share=0.99))):
        yield figure(name=f"one_at_a_time.{name}", value=1e3 * of(waits), floor=1e3 * of(bare))


def restarting(addresses: StackAddresses, size: Size) -> Iterator[Figure]:
    """A dispatcher's start with a long log: from its whole log, from a snapshot; the folding."""
    name = f"restart.{size.label}"
    with Ground.prepared(addresses, "story") as ground:
        fill(ground, size.records)
        told = {**ground.kafka, "account": "story"}
        runs, floors, seats = list[Run](), list[Run](), list[dict[str, Any]]()
        for _ in range(size.rounds):
            runs.append(measured("fold", **told, registry_url=addresses.registry_url))
            floors.append(measured("fold_floor", **told))
        for _ in range(1 + max(_ROUNDS_MIN, size.rounds)):  # the first leaves a snapshot as it ends
            seats.append(run_task("restart", settings=ground.settings(), account="story"))
    whole, *others = (seat["at"] - seat["spawned_at"] for seat in seats)
    yield Figure(name=f"{name}.from_process_start", unit="s", value=median(others))
    yield Figure(name=f"{name}.from_process_start.whole_log", unit="s", value=whole)
    yield Figure(
        name=f"{name}.from_fold_start",
        unit="s",
        value=median(run.seconds for run in runs),
        floor=median(run.seconds for run in floors),
    )
    yield from compare(f"{name}.fold", "events", runs, floors)


def advices(clock: str, count: int) -> Iterator[RecommendationIssued]:
    """Yield advice of which half is followed: each ticker bought, then sold, and so on."""
    width = _TICKERS[clock]
    now = SystemClock().now()
    for number in range(count):
        turn, ticker = divmod(number, width)
        at = START + timedelta(minutes=turn) if clock == "historical" else now
        side = Action.SELL if turn % 2 else Action.BUY
        name = f"T{chr(65 + ticker // 26)}{chr(65 + ticker % 26)}"
        yield advice(number, name, side, at, good=ticker % 2 == 0)


def fill(ground: Ground, count: int) -> None:
    """Write the log of `story` with `count` events, and the recommendations they are about."""
    account = AccountName("story")
    cycles = -(-count // 8)
    Publisher(ground, RECOMMENDATIONS.name).append(
        one for cycle in range(cycles) for one in cycle_of_advice(cycle)
    )
    Publisher(ground, log_of(account).name).append(history(account, count))
