"""`pytest -n 4`: one set of services for all workers, and who runs which tests.

The controller starts services when the first worker asks for them, and stops them: it outlives
every worker, those too that crash. A file's tests stay together, as they share what is dear to set
up; so do the files that break services, which are then started once and are broken one at a time.
"""

import threading
from contextlib import ExitStack
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from secrets import token_bytes
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.services import Kind, Services, ready_services

BREAK_SERVICES: Final = frozenset(
    {
        "tests/acceptance/test_postgres_outage.py",
        "tests/dispatcher/test_break_glass.py",
        "tests/dispatcher/test_hand_over.py",
        "tests/projections/test_full_disk.py",
        "tests/projections/test_kills.py",
    }
)
"""Files whose tests want `breakable`."""

DEAR_FIRST: Final = (
    *("acceptance", "histories", "bench", "dispatcher", "projections", "stack", "cli", "doctor"),
    "brokers",
)
"""Folders whose tests take seconds; those of milliseconds then fill the gaps at the end."""

Door = tuple[str, bytes]
"""Where a worker asks for services: an address and a key."""

_STOP: Final = "stop"


class SharedServices:
    """The services of a run of several workers, started when the first of them asks."""

    def __init__(self) -> None:
        authkey = token_bytes(32)
        self._listener = Listener(authkey=authkey, backlog=64)
        self.door: Door = str(self._listener.address), authkey
        self._thread = threading.Thread(target=self._serve, name="shared services")
        self._thread.start()

    def close(self) -> None:
        """Stop what was started."""
        address, authkey = self.door
        with Client(address, authkey=authkey) as connection:
            connection.send(_STOP)
        self._thread.join()

    def _serve(self) -> None:
        answers: dict[Kind, tuple[Services | None, str]] = {}
        with self._listener, ExitStack() as stack:
            while True:
                try:
                    with self._listener.accept() as connection:
                        if (wanted := connection.recv()) == _STOP:
                            return
                        if wanted not in answers:
                            answers[wanted] = _started(wanted, stack)
                        connection.send(answers[wanted])
                except (AuthenticationError, EOFError, ConnectionError):
                    continue  # a worker that is gone, or nobody of ours


def _started(kind: Kind, stack: ExitStack) -> tuple[Services | None, str]:
    try:
        directory = stack.enter_context(TemporaryDirectory(prefix="dispatcher-tests-"))
        return stack.enter_context(ready_services(kind, Path(directory) / "stack")), ""
    except Exception as error:  # noqa: BLE001 -- whatever it was, the workers have to be told
        return None, f"{type(error).__name__}: {error}"


def ask(door: Door, kind: Kind) -> Services:
    """Ask the controller for services; raises RuntimeError where they do not start."""
    address, authkey = door
    with Client(address, authkey=authkey) as connection:
        connection.send(kind)
        services, fault = connection.recv()
    if services is None:
        raise RuntimeError(f"{kind} of this run do not start: {fault}")
    found: Services = services
    return found


class Scheduling(LoadScopeScheduling):
    """Hands out whole files, in the order of collection."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def remove_node(self, node: WorkerController) -> str | None:
        """Forget a worker; what it was running when it crashed has failed and is not run again."""
        for unit in self.assigned_work[node].values():
            for test, done in unit.items():
                if not done:
                    unit[test] = True
                    super().remove_node(node)
                    return test
        return super().remove_node(node)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "break services" if file in BREAK_SERVICES else file


def dear_first(item: pytest.Item) -> tuple[bool, int]:
    """Give the place of a test's file in a run of several workers."""
    file = item.nodeid.split("::", 1)[0]
    folder = file.split("/")[1]
    place = DEAR_FIRST.index(folder) if folder in DEAR_FIRST else len(DEAR_FIRST)
    return file not in BREAK_SERVICES, place
