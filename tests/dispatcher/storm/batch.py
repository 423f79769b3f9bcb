"""Accounts that go through their storms side by side: one fake broker, one stream of advice."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

from accounts.state import AccountState
from consumers.dispatcher.log_reader import AccountLog
from events.catalog import LogEvent
from events.identifiers import AccountName, RecommendationId
from stack.alpaca_server.control import AlpacaControl
from tests.dispatcher.paper import Desk, a_desk
from tests.dispatcher.storm.lives import Death, Lives
from tests.dispatcher.storm.market import FIRST_WAVE, SECOND_WAVE, Exchange
from tests.dispatcher.storm.plan import End, Plan, plan
from tests.dispatcher.world import ANY_NUMBER_OF_ORDERS, World

RECOMMENDATIONS: Final = range(FIRST_WAVE.start, SECOND_WAVE.stop)
TUNING: Final = """session_timeout_ms = 1500
submit_window_ms = 600
answer_within_ms = 1600
reconcile_interval_ms = 3000
"""
HTTP_DEADLINE_MS: Final = 400
"""Less than the longest delay of an answer; with the window it is less than the time to answer."""

LIFE_S: Final = 10.0
"""How long a life may go on that does not come to the window it is to die in."""

SETTLED_WITHIN_S: Final = 120.0
_THAWED_AFTER_S: Final = 2.2
_GOOD_NIGHT_S: Final = 30.0


@dataclass(slots=True)
class Run:
    """One account, what was planned for it, how its lives ended and what its log says."""

    label: str
    account: AccountName
    number: str
    plan: Plan
    log: Path
    ended: Counter[str] = field(default_factory=Counter)
    events: list[LogEvent] = field(default_factory=list)
    unsettled: str = ""


@dataclass(slots=True)
class Batch:
    """Runs at one desk, and how often each kind of fault was met."""

    desk: Desk
    runs: list[Run]
    faults_hit: Counter[str] = field(default_factory=Counter)


def storm(world: World, alpaca: AlpacaControl, seed: int, numbers: Sequence[int]) -> Batch:
    """Let the runs `numbers` of `seed` go through all that is planned for them, side by side."""
    with (
        a_desk(world, alpaca) as desk,
        ThreadPoolExecutor(len(numbers)) as side_by_side,
        ExitStack() as stack,
    ):
        batch = Batch(desk, [_prepared(desk, seed, number) for number in numbers])
        lives = _Conductor(world, stack.enter_context(closing(Lives(world, desk.environ))))
        exchange = Exchange(desk, random.Random(f"{seed}-weather-{numbers[0]}"))  # noqa: S311 -- repeatable, not secret
        with exchange.in_a_storm():
            first = [side_by_side.submit(lives.all_but_the_last, run) for run in batch.runs]
            exchange.advise()
            last = [one.result() for one in first]
        with exchange.calm():
            settled = [
                side_by_side.submit(lives.the_last, run, life)
                for run, life in zip(batch.runs, last, strict=True)
            ]
            for one in settled:
                one.result()
        batch.faults_hit.update(each["fault"] for each in alpaca.requests() if each["fault"])
    for run in batch.runs:
        run.events = world.log(run.account)
    return batch


def _prepared(desk: Desk, seed: int, number: int) -> Run:
    chance = random.Random(f"{seed}-{number}")  # noqa: S311 -- repeatable, not secret
    account = desk.open_account(
        tuning=TUNING, limits=ANY_NUMBER_OF_ORDERS, http_deadline_ms=HTTP_DEADLINE_MS
    )
    theirs = desk.numbers[account]
    planned = plan(chance, account, theirs, RECOMMENDATIONS)
    for fault in planned.faults:
        desk.alpaca.fault(**fault.what, label=fault.kind)
    for hiding in planned.hidings:
        desk.alpaca.hide(hiding.client_order_id, seconds=hiding.seconds)
    log = desk.world.directory / f"storm-{account}.log"
    return Run(f"seed {seed}, run {number}", account, theirs, planned, log)


class _Conductor:
    """Lets the lives of the runs begin, and ends those that do not end by themselves."""

    def __init__(self, world: World, lives: Lives) -> None:
        self._world = world
        self._lives = lives

    def all_but_the_last(self, run: Run) -> ForkServerProcess:
        """Live and die as planned; return the last life, which has begun."""
        for end in run.plan.lives:
            life = self._start(run, end if isinstance(end, Death) else None)
            life.join(LIFE_S)
            if isinstance(end, Death):
                self._dies(run, life, end)
            elif end is End.TOLD:
                self._is_told(run, life, end)
            else:
                self._freezes(run, life, end)
        return self._start(run, None)

    def the_last(self, run: Run, life: ForkServerProcess) -> None:
        """Wait until nothing is left to do, then tell the last life to stop."""
        log = AccountLog(self._world.cluster, run.account, self._world.codec)
        deadline = time.monotonic() + SETTLED_WITHIN_S
        try:
            log.read_to_end()
            while not _is_settled(log.state):
                if not life.is_alive() or time.monotonic() > deadline:
                    still = [str(order) for order in log.state.orders.values()]
                    run.unsettled = "\n".join([self._said(run), *still])
                    break
                log.read_on(timeout_s=0.5)
        finally:
            log.close()
            self._is_told(run, life, End.TOLD)

    def _start(self, run: Run, death: Death | None) -> ForkServerProcess:
        return self._lives.start(run.account, death, run.log)

    def _dies(self, run: Run, life: ForkServerProcess, death: Death) -> None:
        how = f"killed {death.window}"
        if life.is_alive():
            how = f"killed after {LIFE_S} s"
            life.kill()
            life.join(_GOOD_NIGHT_S)
        assert life.exitcode == -signal.SIGKILL, f"{life.exitcode} {self._said(run)}"
        run.ended[how] += 1

    def _is_told(self, run: Run, life: ForkServerProcess, end: End) -> None:
        life.terminate()
        life.join(_GOOD_NIGHT_S)
        assert life.exitcode == 0, f"{life.exitcode} {self._said(run)}"
        run.ended[end] += 1

    def _freezes(self, run: Run, life: ForkServerProcess, end: End) -> None:
        assert life.pid is not None
        os.kill(life.pid, signal.SIGSTOP)
        successor = self._start(run, None)
        successor.join(_THAWED_AFTER_S)
        os.kill(life.pid, signal.SIGCONT)
        life.join(0.3)
        life.terminate()
        life.join(_GOOD_NIGHT_S)
        assert life.exitcode in (0, 8, -signal.SIGTERM), self._said(run)
        run.ended[end] += 1
        self._is_told(run, successor, End.TOLD)

    def _said(self, run: Run) -> str:
        lines = [line for line in run.log.read_text().splitlines() if '"gates_eval' not in line]
        return "\n".join(
            [run.label, str(run.plan.lives), str(run.ended), *(line[:400] for line in lines[-60:])]
        )


def _is_settled(state: AccountState) -> bool:
    decided = all(state.is_decided(RecommendationId(number)) for number in RECOMMENDATIONS)
    return decided and not state.orders
