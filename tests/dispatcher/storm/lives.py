"""Lives of a dispatcher that end by `kill -9`: real processes, forked from one that knows it all.

A life that starts anew pays a second for its imports. These fork from a process that has made them
and has no threads, so that thousands of lives fit into a test.
"""

import os
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Lock, Timer, get_ident
from typing import Any

from brokers.alpaca import connection as connections
from brokers.alpaca.transport import AlpacaHttp, Reply
from consumers.dispatcher import process
from consumers.dispatcher.process import run_dispatcher
from consumers.dispatcher.seat import Seat
from consumers.dispatcher.submit_gate import SubmitGate
from consumers.errors import DispatcherError
from consumers.logs import configure_logs
from consumers.registry import RegistrySchemaSource, check_schemas
from consumers.settings import load_settings
from events.catalog import AnyEvent
from events.identifiers import AccountName
from tests.born import forked
from tests.dispatcher.world import World


class Window(StrEnum):
    """Where a life ends: before, in or after a step, or at some time."""

    BEFORE_A_COMMIT = "before a commit"
    IN_A_TRANSACTION = "in a transaction"
    AFTER_A_COMMIT = "after a commit"
    BETWEEN_COMMIT_AND_POST = "between commit and POST"
    BEFORE_A_POST = "before a POST"
    CONNECTED_FOR_A_POST = "connected for a POST"
    DURING_A_POST = "during a POST"
    AFTER_A_POST = "after a POST"
    AFTER_A_LOOK_UP = "after a look-up"
    AT_SOME_TIME = "at some time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """A `kill -9` at the `nth` pass of a window, counted from 1, or `after_s` of it.

    With `by` SIGSTOP it is frozen there instead, every thread of it.
    """

    window: Window
    nth: int = 1
    after_s: float = 0.0
    by: signal.Signals = signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What every life is born with: its configuration, and what the registry has said before."""

    config: Path
    environ: dict[str, str]
    schema_ids: dict[type[AnyEvent], int]
    schemas: dict[int, Any]


class Lives:
    """The lives of one world's dispatchers, which ask the registry nothing it has answered."""

    def __init__(self, world: World, environ: dict[str, str]) -> None:
        """Ask the registry once, for all of them."""
        source: Any = RegistrySchemaSource(world.services.registry_url)
        check_schemas(source)
        source.close()
        self._birth = Birth(
            config=world.config,
            environ=dict(environ),
            schema_ids=source._ids,  # noqa: SLF001 -- what it has looked up
            schemas=source._schemas,  # noqa: SLF001 -- as above
        )
        self._all: list[ForkServerProcess] = []

    def start(self, account: AccountName, death: Death | None, log: Path) -> ForkServerProcess:
        """Start a life of `account`'s dispatcher; without a `death` it lives until it is told."""
        life = forked(live, self._birth, account, death, log)
        self._all.append(life)
        return life

    def close(self) -> None:
        """Leave none alive."""
        for life in self._all:
            life.kill()
            life.join()


def live(birth: Birth, account: str, death: Death | None, log: Path) -> None:
    """Live in this process, and die in it as told."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    configure_logs()
    _know(birth)
    if death is not None:
        _prepare(death)
    try:
        run_dispatcher(load_settings(birth.config, birth.environ), account)
    except DispatcherError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _know(birth: Birth) -> None:
    module: Any = process

    def source(url: str) -> RegistrySchemaSource:
        found: Any = RegistrySchemaSource(url)
        found._ids.update(birth.schema_ids)  # noqa: SLF001 -- as if looked up
        found._schemas.update(birth.schemas)  # noqa: SLF001 -- as above
        known: RegistrySchemaSource = found
        return known

    module.RegistrySchemaSource = source


class _Reaper:
    """Counts how often its window was passed, in whatever thread."""

    def __init__(self, death: Death) -> None:
        self._death = death
        self._passed = 0
        self._lock = Lock()

    def passes(self, window: Window) -> None:
        if window is not self._death.window:
            return
        with self._lock:
            self._passed += 1
            due = self._passed == self._death.nth
        if due and self._death.after_s:
            Timer(self._death.after_s, self._end).start()
        elif due:
            self._end()

    def _end(self) -> None:
        # To this very thread: it must not take another step while the signal is on its way.
        signal.pthread_kill(get_ident(), self._death.by)


def _prepare(death: Death) -> None:
    reaper = _Reaper(death)
    if death.window is Window.AT_SOME_TIME:
        reaper.passes(Window.AT_SOME_TIME)
    _watch_transactions(reaper)
    _watch_the_gate(reaper)
    _watch_requests(reaper)
    _watch_connections(reaper)


def _watch_the_gate(reaper: _Reaper) -> None:
    gate: Any = SubmitGate
    attempt = gate.attempt

    def watched(self: SubmitGate, *order: object, **more: object) -> object:
        reaper.passes(Window.BETWEEN_COMMIT_AND_POST)
        entered: object = attempt(self, *order, **more)
        return entered

    gate.attempt = watched


def _watch_transactions(reaper: _Reaper) -> None:
    seat: Any = Seat
    append, produce = seat.append, seat._produce  # noqa: SLF001 -- inside a transaction

    def watched_append(self: Any, *records: object, **more: object) -> object:  # noqa: ANN401
        reaper.passes(Window.BEFORE_A_COMMIT)
        ends: object = append(self, *records, **more)
        reaper.passes(Window.AFTER_A_COMMIT)
        return ends

    def watched_produce(self: Any, *record: object) -> None:  # noqa: ANN401
        produce(self, *record)
        self._producer.poll(0)
        reaper.passes(Window.IN_A_TRANSACTION)

    seat.append, seat._produce = watched_append, watched_produce  # noqa: SLF001 -- as above


def _watch_connections(reaper: _Reaper) -> None:
    connection: Any = connections._Connection  # noqa: SLF001 -- where a request meets its socket
    send = connection.send

    def watched(self: Any, data: bytes) -> None:  # noqa: ANN401 -- as above
        assert self.sock is not None
        if data.startswith(b"POST /v2/orders "):
            reaper.passes(Window.CONNECTED_FOR_A_POST)
        send(self, data)

    connection.send = watched


def _watch_requests(reaper: _Reaper) -> None:
    http: Any = AlpacaHttp
    send = http.send

    def watched(self: AlpacaHttp, method: str, path: str, **more: object) -> Reply:
        if method == "POST":
            reaper.passes(Window.BEFORE_A_POST)
            reaper.passes(Window.DURING_A_POST)
        reply: Reply = send(self, method, path, **more)
        if method == "POST":
            reaper.passes(Window.AFTER_A_POST)
        elif path.endswith("by_client_order_id"):
            reaper.passes(Window.AFTER_A_LOOK_UP)
        return reply

    http.send = watched
