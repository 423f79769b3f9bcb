"""From a command's append to the hold of the gate: at rest, and where there is no rest."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from statistics import median
from typing import Any, Final
from unittest.mock import patch

from bench.ground import Ground, Publisher
from bench.process import answer, running_task
from bench.results import Figure, percentile
from bench.story import advice
from consumers.clock import SystemClock
from consumers.commands import issue, new_command
from consumers.dispatcher import orders
from consumers.dispatcher.process import run_dispatcher, stop_on_signals
from consumers.dispatcher.submit_gate import Holder, Level, SubmitGate
from consumers.registry import RegistrySchemaSource
from consumers.settings import Settings
from events.codec import Codec
from events.command import CommandKind
from events.identifiers import AccountName
from events.recommendation import Action
from events.topics import RECOMMENDATIONS
from stack.up import StackAddresses

_ACCOUNT: Final = AccountName("real")
_PAUSE_S: Final = 0.02
_BURST: Final = 12
"""Every 20 ms: as many a second as a dispatcher can order on this machine."""
_TICKERS: Final = 500


def dispatch_holding(settings: dict[str, Any], account: str) -> None:
    """Dispatch until SIGTERM; say when the gate is held for a command, and what it follows."""

    class Told(SubmitGate):
        _level: Level | None = None

        def hold(self, holder: Holder, level: Level, reason: str) -> frozenset[Any]:
            under_way = super().hold(holder, level, reason)
            if holder is Holder.COMMAND:
                answer(held_at=time.monotonic())
            return under_way

        def follow(self, level: Level, reason: str) -> None:
            super().follow(level, reason)
            if level is not self._level:
                self._level = level
                answer(level=level.name)

    with patch.object(orders, "SubmitGate", Told):
        run_dispatcher(Settings.model_validate(settings), account, stop=stop_on_signals())


def halting(addresses: StackAddresses, samples: int) -> Iterator[Figure]:
    """From the append of a halt, connections and all, to the gate's hold; `samples` of each."""
    for load, advised in (("idle", _silence), ("busy", _never_silent)):
        waits = _waits(addresses, samples, advised)
        for name, of in (("median", median), ("p99", partial(percentile, share=0.99))):
            yield Figure(
                name=f"halt.command_to_hold.{load}.{name}", unit="ms", value=1e3 * of(waits)
            )


def _waits(
    addresses: StackAddresses, samples: int, advised: Callable[[Ground], Any]
) -> list[float]:
    waits = list[float]()
    codec = Codec(RegistrySchemaSource(addresses.registry_url))
    with (
        Ground.prepared(addresses, _ACCOUNT) as ground,
        running_task("dispatch_holding", settings=ground.settings(), account=_ACCOUNT) as real,
    ):
        said = map(json.loads, real.stdout or ())
        await_level(said, Level.OPEN)
        with advised(ground):
            for _ in range(samples):
                began = time.monotonic()
                command(ground, codec, _ACCOUNT, CommandKind.HALT)
                waits.append(next(line["held_at"] for line in said if "held_at" in line) - began)
                await_level(said, Level.CLOSED)
                command(ground, codec, _ACCOUNT, CommandKind.RESUME)
                await_level(said, Level.OPEN)
                time.sleep(_PAUSE_S)
        real.send_signal(signal.SIGTERM)
        real.wait(60)
    return waits


@contextmanager
def _silence(_ground: Ground) -> Iterator[None]:
    yield


@contextmanager
def _never_silent(ground: Ground) -> Iterator[None]:
    """Advise as fast as can be decided, for as long as the block runs."""
    over = threading.Event()
    publisher = Publisher(ground, RECOMMENDATIONS.name)

    def advise() -> None:
        for burst in count():
            if over.wait(_PAUSE_S):
                return
            now = SystemClock().now()
            numbers = range(burst * _BURST, (burst + 1) * _BURST)
            publisher.append(
                advice(
                    number,
                    f"T{number % _TICKERS}",
                    Action.SELL if number // _TICKERS % 2 else Action.BUY,
                    now,
                    good=number % 2 == 0,
                )
                for number in numbers
            )

    thread = threading.Thread(target=advise)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def command(ground: Ground, codec: Codec, account: AccountName, kind: CommandKind) -> None:
    """Issue a command to `account`, as the command line does."""
    wish = new_command(
        account,
        kind,
        by="bench",
        reason="to see how long it takes",
        now=SystemClock().now(),
        expires_in=timedelta(minutes=1),
    )
    issue(ground.cluster, codec, [wish])


def await_level(said: Iterator[Mapping[str, Any]], level: Level) -> None:
    """Return once `dispatch_holding` has said that its gate follows `level`."""
    next(line for line in said if line.get("level") == level.name)
