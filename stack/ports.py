"""Free ports of this machine."""

import secrets
import socket

HOST = "127.0.0.1"

# Below the range from which Linux and macOS take the ports of outgoing connections: a client that
# retries while its server is down could otherwise be given the server's own port and keep it.
_FIRST, _COUNT = 20_000, 12_000
_TRIES = 200


def is_taken(port: int) -> bool:
    """Tell whether another socket of this machine holds the port."""
    with socket.socket() as probe:
        # The leftovers of closed connections (TIME_WAIT) must not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return listens(port)


def listens(port: int) -> bool:
    """Tell whether something accepts connections on the port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


def free_port(avoid: frozenset[int] = frozenset()) -> int:
    """Pick a port at random which nobody holds.

    Raises OSError when none can be found.
    """
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_COUNT)
        if port not in avoid and not is_taken(port):
            return port
    raise OSError(f"no free port between {_FIRST} and {_FIRST + _COUNT} on {HOST}")
