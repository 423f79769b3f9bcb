"""How a stack is doing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from stack import place as places
from stack.errors import StackConfigError
from stack.place import Place
from stack.ports import listens
from stack.server import Server, ServerName
from stack.up import servers_of


class ServerState(StrEnum):
    """What a server does at the moment."""

    RUNNING = "running"
    SILENT = "silent"  # its process lives but does not answer
    STOPPED = "stopped"
    FOREIGN = "foreign"  # another program answers on its port


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server of a stack."""

    name: ServerName
    title: str
    state: ServerState
    pid: int | None
    address: str
    data_directory: Path
    log_file: Path


def status(directory: Path) -> tuple[ServerStatus, ...]:
    """Look at the servers of a stack, each for at most a few seconds.

    Raises StackConfigError when there is no stack in the directory.
    """
    servers = servers_of(_existing(directory))
    with ThreadPoolExecutor(len(servers)) as pool:
        return tuple(pool.map(_look_at, servers))


def _existing(directory: Path) -> Place:
    place = places.find(directory)
    if place is None or not place.state.ports:
        raise StackConfigError(
            f"There is no stack in {directory}: start one with `dispatcher stack up`, or name its "
            "directory with --dir."
        )
    return place


def _look_at(server: Server) -> ServerStatus:
    process = server.pid_file.process()
    if process is not None:
        state = ServerState.RUNNING if server.answers() else ServerState.SILENT
    else:
        state = ServerState.FOREIGN if listens(server.port) else ServerState.STOPPED
    return ServerStatus(
        name=server.name,
        title=server.title,
        state=state,
        pid=None if process is None else process.pid,
        address=server.address,
        data_directory=server.data,
        log_file=server.log_file,
    )
