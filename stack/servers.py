"""Handle one server of a running stack: for tests and drills."""

import signal
from pathlib import Path
from threading import Event

from stack import lifecycle
from stack import place as places
from stack.errors import ServerError, StackConfigError
from stack.processes import await_end
from stack.progress import Silent
from stack.server import Server, ServerName
from stack.up import servers_of

_KILLED_WITHIN_S = 10


def find(directory: Path, name: ServerName) -> Server:
    """Give one server of the stack in a directory.

    Raises StackConfigError when there is no stack, or no such server in it.
    """
    place = places.find(directory)
    if place is None or not place.state.ports:
        raise StackConfigError(f"There is no stack in {directory}.")
    for server in servers_of(place):
        if server.name == name:
            return server
    raise StackConfigError(
        f"The stack in {directory} has no {name}: `dispatcher stack up --with {name}` adds it."
    )


def kill(directory: Path, name: ServerName) -> None:
    """Kill a server without warning (SIGKILL), and wait until it is gone."""
    _signal(directory, name, signal.SIGKILL)


def pause(directory: Path, name: ServerName) -> None:
    """Freeze a server (SIGSTOP): its connections stay open, but nothing is answered."""
    _signal(directory, name, signal.SIGSTOP)


def resume(directory: Path, name: ServerName) -> None:
    """Let a paused server go on (SIGCONT)."""
    _signal(directory, name, signal.SIGCONT)


def stop(directory: Path, name: ServerName) -> None:
    """Stop one server in an orderly way; the others stay."""
    lifecycle.bring_down(find(directory, name), Silent())


def start(directory: Path, name: ServerName) -> None:
    """Start one server on the port it had, and wait until it answers."""
    lifecycle.bring_up(find(directory, name), Silent(), Event())


def restart(directory: Path, name: ServerName) -> None:
    """Stop one server in an orderly way and start it on the same port."""
    stop(directory, name)
    start(directory, name)


def _signal(directory: Path, name: ServerName, what: signal.Signals) -> None:
    server = find(directory, name)
    process = server.pid_file.process()
    if process is None:
        raise ServerError(f"{server.title} is not running in {directory}.")
    process.send_signal(what)
    if what is signal.SIGKILL and not await_end(process, patience_s=_KILLED_WITHIN_S):
        raise ServerError(f"{server.title} (process {process.pid}) survived being killed.")
