"""Which port each server gets."""

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from stack.errors import StackConfigError
from stack.place import Place
from stack.ports import free_port, is_taken
from stack.progress import Progress
from stack.server import Server, ServerName

_LAST_BREATH_S = 3
_POLL_S = 0.05

NO_PORTS: Mapping[ServerName, int] = MappingProxyType({})


def assign_ports(
    place: Place,
    servers: Sequence[Server],
    fixed_ports: Mapping[ServerName, int],
    progress: Progress,
) -> Place:
    """Give every server its port: the one the user fixed, else the last one, else a free one.

    Raises StackConfigError when a fixed port is used by another program, or belongs to a server
    that is running elsewhere.
    """
    ports = dict(place.state.ports)
    fixed = {**place.state.fixed_ports, **{str(name): port for name, port in fixed_ports.items()}}
    for server in servers:
        running = server.pid_file.process() is not None
        for name in server.port_names:
            wanted = fixed.get(name, ports.get(name))
            if running:
                _require_same(server, wanted, ports[name])
            elif wanted is None:
                ports[name] = free_port(frozenset(ports.values()))
            elif _is_available(wanted, server):
                ports[name] = wanted
            elif name in fixed:
                raise StackConfigError(
                    f"{server.title} cannot have port {wanted}, which another program uses: "
                    "stop that program or choose another port."
                )
            else:
                ports[name] = free_port(frozenset(ports.values()))
                progress.note(
                    f"Another program uses port {wanted} by now: {server.title} moves to "
                    f"{ports[name]}."
                )
    return place.with_state(ports=ports, fixed_ports=fixed)


def _is_available(port: int, server: Server) -> bool:
    # A server that was killed a moment ago may still be on its way out, its port in hand.
    was_killed = server.pid_file.recorded_pid() is not None
    deadline = time.monotonic() + (_LAST_BREATH_S if was_killed else 0)
    while is_taken(port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _require_same(server: Server, wanted: int | None, present: int) -> None:
    if wanted != present:
        raise StackConfigError(
            f"{server.title} is running on port {present}: stop the stack before moving it to "
            f"port {wanted}."
        )
