"""Start and stop a whole stack."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from stack import place as places
from stack import postgres_home
from stack.assign import NO_PORTS, assign_ports
from stack.errors import ServerError, StackConfigError
from stack.kafka import Kafka
from stack.lifecycle import StartCancelledError, bring_down, bring_up
from stack.locks import exclusive
from stack.place import Place
from stack.postgres import Postgres
from stack.progress import Progress, Silent
from stack.registry import Registry
from stack.server import Server, ServerName

_LOCK_TIMEOUT_S = 900  # the first start downloads


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """What programs need to connect to a stack."""

    bootstrap_servers: str
    registry_url: str
    postgres_dsn: str


def servers_of(place: Place) -> tuple[Kafka, Registry, Postgres]:
    """Give the three servers of a stack, running or not."""
    return (Kafka(place), Registry(place), Postgres(place))


def start(
    directory: Path,
    *,
    progress: Progress | None = None,
    fixed_ports: Mapping[ServerName, int] = NO_PORTS,
) -> StackAddresses:
    """Start what is not running yet, wait until all three answer, and give the addresses.

    A stack keeps its ports and data from one start to the next. Raises a StackError; what had
    started by then stays up, so that the next start is quick.
    """
    cancelled = Event()
    progress = _Cancellable(progress or Silent(), cancelled)
    root = places.prepare(directory)
    with _held(root, progress):
        place = postgres_home.choose(places.found(root))
        place = assign_ports(place, servers_of(place), fixed_ports, progress)
        servers = servers_of(place)
        with ThreadPoolExecutor(len(servers)) as pool:
            try:
                jobs = [pool.submit(bring_up, server, progress, cancelled) for server in servers]
                for job in jobs:
                    job.result()
            except KeyboardInterrupt:
                cancelled.set()
                raise
    kafka, registry, postgres = servers
    return StackAddresses(kafka.address, registry.address, postgres.address)


def stop(directory: Path, *, purge: bool = False, progress: Progress | None = None) -> None:
    """Stop all servers of a stack in an orderly way; with `purge` delete their data too.

    Without a stack there is nothing to stop. Raises StackConfigError for a damaged one, or when
    asked to purge a directory that is not a stack's.
    """
    progress = progress or Silent()
    if places.find(directory) is None:
        if purge and directory.exists():
            raise StackConfigError(f"{directory} is not a stack's directory: nothing was deleted.")
        progress.note(f"There is no stack in {directory}.")
        return
    root = directory.absolute()
    with _held(root, progress):
        place = places.found(root)
        servers = servers_of(place)
        with ThreadPoolExecutor(len(servers)) as pool:
            for job in [pool.submit(bring_down, server, progress) for server in servers]:
                job.result()
        if purge:
            _delete(place, servers)


@contextmanager
def _held(root: Path, progress: Progress) -> Iterator[None]:
    note = f"Another process is starting or stopping the stack in {root}; waiting for it."
    lock = places.lock_file(root)
    with exclusive(lock, timeout_s=_LOCK_TIMEOUT_S, waiting=lambda: progress.note(note)):
        try:
            yield
        except OSError as error:
            raise StackConfigError(
                f"The stack in {root} could not be handled ({error}): make sure that the disk has "
                "room and that its files are yours."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ServerError(
                f"{Path(error.cmd[0]).name} was still not done after {error.timeout:.0f} s: the "
                "machine may be overloaded; try again."
            ) from error


def _delete(place: Place, servers: tuple[Server, ...]) -> None:
    for folder in (place.state.postgres_home, *(server.home for server in servers)):
        if folder is not None and folder.exists():
            shutil.rmtree(folder)
    places.forget(place)


@dataclass(frozen=True, slots=True)
class _Cancellable:
    """Passes on what it hears, and breaks off downloads once the start was interrupted."""

    listener: Progress
    cancelled: Event

    def note(self, sentence: str) -> None:
        self.listener.note(sentence)

    @contextmanager
    def downloading(self, what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        with self.listener.downloading(what, total_bytes) as received:

            def count(size_bytes: int) -> None:
                if self.cancelled.is_set():
                    raise StartCancelledError(f"The download of {what} was interrupted.")
                received(size_bytes)

            yield count
