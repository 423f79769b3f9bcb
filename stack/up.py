"""Start and stop a whole stack."""

import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from stack import place as places
from stack import postgres_home
from stack.errors import ServerError, StackConfigError
from stack.kafka import Kafka
from stack.locks import exclusive
from stack.logs import last_meaningful_line
from stack.place import Place
from stack.ports import free_port, is_taken
from stack.postgres import Postgres
from stack.processes import end
from stack.progress import Progress, Silent
from stack.registry import Registry
from stack.server import Server, ServerName

_LOCK_TIMEOUT_S = 900  # the first start downloads
_ANSWER_WITHIN_S = 120
_STOP_PATIENCE_S = 15
_POLL_S = 0.05
_NO_PORTS: Mapping[ServerName, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """What programs need to connect to a stack."""

    bootstrap_servers: str
    registry_url: str
    postgres_dsn: str


def servers_of(place: Place) -> tuple[Server, ...]:
    """Give the three servers of a stack, running or not."""
    return (Kafka(place), Registry(place), Postgres(place))


def start(
    directory: Path,
    *,
    progress: Progress | None = None,
    fixed_ports: Mapping[ServerName, int] = _NO_PORTS,
) -> StackAddresses:
    """Start what is not running yet, wait until all three answer, and give the addresses.

    A stack keeps its ports and data from one start to the next. Raises a StackError.
    """
    progress = progress or Silent()
    root = places.prepare(directory)
    lock = places.lock_file(root)
    note = f"Another process is starting or stopping the stack in {root}; waiting for it."
    with exclusive(lock, timeout_s=_LOCK_TIMEOUT_S, waiting=lambda: progress.note(note)):
        place = postgres_home.choose(places.found(root))
        place = _with_ports(place, fixed_ports, progress)
        servers = servers_of(place)
        with ThreadPoolExecutor(len(servers)) as pool:
            for job in [pool.submit(_bring_up, server, progress) for server in servers]:
                job.result()
    kafka, registry, postgres = servers
    return StackAddresses(kafka.address, registry.address, postgres.address)


def stop(directory: Path, *, purge: bool = False, progress: Progress | None = None) -> None:
    """Stop all servers of a stack in an orderly way; with `purge` delete their data too.

    A directory without a stack is left as it is. Raises StackConfigError for a damaged one.
    """
    progress = progress or Silent()
    if places.find(directory) is None:
        if purge and directory.exists():
            raise StackConfigError(f"{directory} is not a stack's directory; nothing was deleted.")
        progress.note(f"There is no stack in {directory}.")
        return
    root = directory.absolute()
    note = f"Another process is starting or stopping the stack in {root}; waiting for it."
    lock = places.lock_file(root)
    with exclusive(lock, timeout_s=_LOCK_TIMEOUT_S, waiting=lambda: progress.note(note)):
        place = places.found(root)
        servers = servers_of(place)
        with ThreadPoolExecutor(len(servers)) as pool:
            for job in [pool.submit(_bring_down, server, progress) for server in servers]:
                job.result()
        if purge:
            _delete(place, servers)


def _bring_up(server: Server, progress: Progress) -> None:
    if server.pid_file.process() is None:
        _forget_stale(server, progress)
        server.launch(progress)
    deadline = time.monotonic() + _ANSWER_WITHIN_S
    recorded = False
    while not server.answers():
        recorded = recorded or server.pid_file.recorded_pid() is not None
        if recorded and server.pid_file.process() is None:
            raise ServerError(
                f"{server.title} ended while starting: {last_meaningful_line(server.log_file)} "
                f"(see {server.log_file})."
            )
        if time.monotonic() > deadline:
            raise ServerError(
                f"{server.title} does not answer after {_ANSWER_WITHIN_S} s: "
                f"{last_meaningful_line(server.log_file)} (see {server.log_file})."
            )
        time.sleep(_POLL_S)


def _bring_down(server: Server, progress: Progress) -> None:
    process = server.pid_file.process()
    if process is None:
        _forget_stale(server, progress)
        return
    if not end(process, server.polite_signal, patience_s=_STOP_PATIENCE_S):
        progress.note(f"{server.title} did not stop within {_STOP_PATIENCE_S} s and was killed.")
    server.pid_file.forget()


def _forget_stale(server: Server, progress: Progress) -> None:
    pid = server.pid_file.recorded_pid()
    if pid is not None:
        progress.note(
            f"{server.title} was not stopped in an orderly way: process {pid} is gone or is "
            "another program now, which was left alone."
        )
    server.pid_file.forget()


def _with_ports(
    place: Place, fixed_ports: Mapping[ServerName, int], progress: Progress
) -> Place:
    ports = dict(place.state.ports)
    fixed = {**place.state.fixed_ports, **fixed_ports}
    for server in servers_of(place):
        running = server.pid_file.process() is not None
        for name in server.port_names:
            wanted = fixed.get(name, ports.get(name))
            if running and wanted == ports.get(name):
                continue
            if running:
                raise StackConfigError(
                    f"{server.title} is running on port {ports[name]}: stop the stack before "
                    f"moving it to {wanted}."
                )
            if wanted is None or is_taken(wanted):
                if name in fixed:
                    raise StackConfigError(
                        f"{server.title} cannot have port {wanted}, which another program uses: "
                        "stop that program or choose another port."
                    )
                ports[name] = free_port(frozenset(ports.values()))
                if wanted is not None:
                    progress.note(
                        f"Port {wanted} of {server.title} is used by another program by now; "
                        f"it moves to {ports[name]}."
                    )
            else:
                ports[name] = wanted
    return place.with_state(ports=ports, fixed_ports=fixed)


def _delete(place: Place, servers: tuple[Server, ...]) -> None:
    home = place.state.postgres_home
    if home is not None:
        shutil.rmtree(home, ignore_errors=True)
    for server in servers:
        shutil.rmtree(server.home, ignore_errors=True)
    places.forget(place)
