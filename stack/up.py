"""Start and stop a whole stack."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event

from stack import alpaca, postgres_home
from stack import place as places
from stack.alpaca import Alpaca
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
    """What programs need to connect to a stack; None for what it does not have."""

    bootstrap_servers: str
    registry_url: str
    postgres_dsn: str
    alpaca_url: str | None = None
    alpaca_control_url: str | None = None

    def as_json(self) -> dict[str, str]:
        """Return what there is, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def servers_of(place: Place, *, with_alpaca: bool = False) -> tuple[Server, ...]:
    """Give the servers of a stack, running or not; the fake Alpaca only where it is asked for."""
    usual = (Kafka(place), Registry(place), Postgres(place))
    has_alpaca = with_alpaca or alpaca.is_part_of(place)
    return (*usual, Alpaca(place)) if has_alpaca else usual


def start(
    directory: Path,
    *,
    progress: Progress | None = None,
    fixed_ports: Mapping[ServerName, int] = NO_PORTS,
    with_alpaca: bool = False,
) -> StackAddresses:
    """Start what is not running yet, wait until all of it answers, and give the addresses.

    A stack keeps its ports and data from one start to the next; one that has ever been started
    with the fake Alpaca keeps that too. Raises a StackError; what had
    started by then stays up, so that the next start is quick.
    """
    cancelled = Event()
    progress = _Cancellable(progress or Silent(), cancelled)
    root = places.prepare(directory)
    with _held(root, progress):
        place = postgres_home.choose(places.found(root))
        place = assign_ports(
            place, servers_of(place, with_alpaca=with_alpaca), fixed_ports, progress
        )
        servers = servers_of(place)
        with ThreadPoolExecutor(len(servers)) as pool:
            try:
                jobs = [pool.submit(bring_up, server, progress, cancelled) for server in servers]
                for job in jobs:
                    job.result()
            except KeyboardInterrupt:
                cancelled.set()
                raise
    return _addresses(servers)


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


def _addresses(servers: tuple[Server, ...]) -> StackAddresses:
    found = {server.name: server.address for server in servers}
    fake = next((server for server in servers if isinstance(server, Alpaca)), None)
    return StackAddresses(
        found["kafka"],
        found["registry"],
        found["postgres"],
        found.get("alpaca"),
        None if fake is None else fake.control_address,
    )


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
