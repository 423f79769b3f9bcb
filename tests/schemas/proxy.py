"""A way to the registry that can be cut: a plain TCP relay."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class Proxy:
    """Relays connections to `target` until it is cut; then it refuses every new one."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                for here, there in ((client, server), (server, client)):
                    threading.Thread(target=_relay, args=(here, there), daemon=True).start()


def _relay(here: socket.socket, there: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """Yield a proxy in front of `url`, and the URL that goes through it."""
    parts = urlsplit(url)
    proxy = Proxy((str(parts.hostname), int(parts.port or 80)))
    try:
        yield proxy, f"http://127.0.0.1:{proxy.port}{parts.path}"
    finally:
        proxy.cut()
