"""How long `large-default` takes for a decision while its neighbour is in trouble."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from statistics import median
from threading import Event, Thread
from typing import Any, Final

from bench.ground import Ground, Publisher
from bench.halting import await_level, command
from bench.measure import Size, advices
from bench.process import running_task
from bench.results import Figure, percentile
from bench.story import advice
from consumers.clock import SystemClock
from consumers.dispatcher.submit_gate import Level
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from events.command import CommandKind
from events.identifiers import AccountName
from events.recommendation import Action
from events.topics import RECOMMENDATIONS
from stack.up import StackAddresses

LARGE: Final = "large-default"
TINY: Final = "tiny"
_SAMPLES: Final = 300
_PAUSE_S: Final = 0.02
_WARM_UP: Final = 20
_CRASH_PAUSE_S: Final = 1.0
_PATIENCE_S: Final = 60.0


def beside_one_in_trouble(addresses: StackAddresses, size: Size) -> Iterator[Figure]:
    """Pairs in turn: decisions alone, and while tiny is halted, or crashes and starts again."""
    crashes = list[int]()
    with Ground.prepared(addresses, LARGE, TINY) as ground, _large(ground) as decide_one:
        for trouble, least in ((_halted, 0), (_crashing, 1)):
            alone, beside = list[float](), list[float]()
            for pair in range(size.rounds):
                for quiet in (True, False) if pair % 2 else (False, True):
                    with nullcontext() if quiet else trouble(ground, crashes):
                        enough, waits = len(crashes) + (0 if quiet else least), list[float]()
                        while len(waits) < size.records or len(crashes) < enough:
                            waits.append(decide_one())
                    (alone if quiet else beside).append(median(waits))
            yield Figure(
                name=f"neighbour.{trouble.__name__.strip('_')}.median",
                unit="ms",
                value=1e3 * median(beside),
                floor=1e3 * median(alone),
            )
    yield Figure(name="neighbour.crashing.crashes", unit="crashes", value=len(crashes))


def beside_a_late_one(addresses: StackAddresses, backlog: Size) -> Iterator[Figure]:
    """Decisions before, and while tiny works off a backlog of so many recommendations."""
    name = f"neighbour.backlog.{backlog.label}"
    samples = min(backlog.records, _SAMPLES)
    with Ground.prepared(addresses, LARGE, TINY) as ground:
        Publisher(ground, RECOMMENDATIONS.name).append(advices("system", backlog.records))
        with _large(ground, first=backlog.records) as decide_one:
            alone = [decide_one() for _ in range(samples)]
            settings = _settings(ground)
            with running_task("dispatch_live", settings=settings, account=TINY) as tiny:
                decided = map(json.loads, tiny.stdout or ())
                next(line for line in decided if line["decided"])
                beside = [decide_one() for _ in range(samples)]
                if tiny.poll() is not None:
                    raise RuntimeError("tiny has ended while it was to be late")
                tiny.kill()
    ms = 1e3
    yield Figure(
        name=f"{name}.median", unit="ms", value=ms * median(beside), floor=ms * median(alone)
    )
    yield Figure(
        name=f"{name}.p99",
        unit="ms",
        value=ms * percentile(beside, 0.99),
        floor=ms * percentile(alone, 0.99),
    )


@contextmanager
def _large(ground: Ground, first: int = 0) -> Iterator[Callable[[], float]]:
    """Run large-default; yield what lets it decide one and returns the seconds to its commit."""
    publisher = Publisher(ground, RECOMMENDATIONS.name)
    numbers = count(first)
    with running_task("dispatch_live", settings=_settings(ground), account=LARGE) as process:
        said = map(json.loads, process.stdout or ())
        next(said)  # AccountOpened
        next(said)  # DispatcherStarted

        def decide_one() -> float:
            number = next(numbers)
            action = Action.SELL if number % 2 else Action.BUY
            one = advice(number, "MSFT", action, SystemClock().now(), good=True)
            began = publisher.append_one(one)
            decided: float = next(line["at"] for line in said if line["decided"])
            next(said)  # its outcome
            time.sleep(_PAUSE_S)
            return decided - began

        for _ in range(_WARM_UP):
            decide_one()
        yield decide_one
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE_S)


@contextmanager
def _crashing(ground: Ground, crashes: list[int]) -> Iterator[None]:
    """Start tiny again a second after each of its crashes, for as long as the block runs."""
    enough = Event()

    def loop() -> None:
        while not enough.is_set():
            with running_task("dispatch_crash", settings=_settings(ground), account=TINY) as tiny:
                while tiny.poll() is None and not enough.wait(0.05):
                    pass
                if tiny.poll() is not None:
                    crashes.append(tiny.returncode)
            enough.wait(_CRASH_PAUSE_S)

    thread = Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@contextmanager
def _halted(ground: Ground, _crashes: list[int]) -> Iterator[None]:
    """Let tiny decline everything, halted by a command, for as long as the block runs."""
    with running_task("dispatch_holding", settings=_settings(ground), account=TINY) as tiny:
        said = map(json.loads, tiny.stdout or ())
        if next(said)["level"] != Level.CLOSED.name:  # the first time
            codec = Codec(RegistrySchemaSource(ground.addresses.registry_url))
            command(ground, codec, AccountName(TINY), CommandKind.HALT)
            await_level(said, Level.CLOSED)
        yield
        tiny.send_signal(signal.SIGTERM)
        tiny.wait(_PATIENCE_S)


def _settings(ground: Ground) -> dict[str, Any]:
    """Return a configuration in which large begins with what comes, tiny with what there is."""
    settings = ground.settings()
    accounts = settings["accounts"]
    return {
        **settings,
        "accounts": {**accounts, LARGE: {**accounts[LARGE], "start_from": "latest"}},
    }
