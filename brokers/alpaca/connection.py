"""Connections to Alpaca, bounded at the socket: a request ends in time, whatever dribbles in.

And they are the last to be asked before a request goes out. Resolving a name, connecting and the
handshake take seconds, and a process may be frozen meanwhile: whoever sends an order asks again
whether it may still go, when the connection stands and nothing has been written.
"""

import io
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import create_connection

from brokers.broker import LastWord

CONNECT_S: Final = 2.0
"""How long one address of a host is tried."""

SILENCE_S: Final = 4.0
"""How long the other side may say nothing."""


@dataclass(frozen=True, slots=True)
class _Call:
    ends_at: float
    last_word: LastWord

    def left_s(self) -> float:
        """Return what is left of the time.

        Raises:
            TimeoutError: Nothing is.
        """
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


_CALL: Final[ContextVar[_Call]] = ContextVar("call")


@contextmanager
def bounded(deadline_s: float, last_word: LastWord) -> Iterator[None]:
    """Bound the request that this thread is about to make; ask `last_word` before its first byte.

    `deadline_s` is for the whole of it, from the name's resolution to the body's last byte. What
    `last_word` raises comes out as it is, and nothing was sent.
    """
    token = _CALL.set(_Call(time.monotonic() + deadline_s, last_word))
    try:
        yield
    finally:
        _CALL.reset(token)


class Adapter(HTTPAdapter):
    """Makes such connections, and no second attempt at anything."""

    def __init__(self) -> None:
        super().__init__(max_retries=0, pool_maxsize=16)

    def init_poolmanager(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 -- as requests has it
        """Make pools of bounded connections; see `HTTPAdapter`."""
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *given: Any, **named: Any) -> ProxyManager:  # noqa: ANN401 -- as above
        """Do so behind a proxy, too; see `HTTPAdapter`."""
        manager: ProxyManager = super().proxy_manager_for(*given, **named)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Connection(HTTPConnection):
    _last_word: LastWord | None = None

    def _new_conn(self) -> socket.socket:
        call = _CALL.get()
        why: Exception = NewConnectionError(self, "no address")
        for address in self._addresses(call):
            try:
                return create_connection(
                    (address, self.port or self.default_port),
                    timeout=min(CONNECT_S, call.left_s()),
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except TimeoutError:
                why = ConnectTimeoutError(self, f"no connection to {self.host} in time")
            except OSError as error:
                why = NewConnectionError(self, f"Failed to establish a new connection: {error}")
        raise why

    def _addresses(self, call: _Call) -> list[str]:
        """Resolve the host's name, which knows no time-out, in a thread that may be left behind."""
        found: SimpleQueue[list[str] | OSError] = SimpleQueue()
        name, port = self._dns_host.strip("[]"), self.port

        def resolve() -> None:
            try:
                told = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
                found.put([str(entry[4][0]) for entry in told])
            except OSError as error:
                found.put(error)

        Thread(target=resolve, name="resolve", daemon=True).start()
        try:
            addresses = found.get(timeout=call.left_s())
        except (Empty, TimeoutError):
            raise ConnectTimeoutError(self, f"{self.host} was not resolved in time") from None
        if isinstance(addresses, socket.gaierror):
            raise NameResolutionError(self.host, self, addresses)
        if isinstance(addresses, OSError):
            raise NewConnectionError(self, f"{self.host} was not resolved: {addresses}")
        return addresses

    def request(  # type: ignore[override] # as urllib3 has it, and as its pools call it
        self,
        method: str,
        url: str,
        body: Any = None,  # noqa: ANN401 -- as above
        headers: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 -- as above
    ) -> None:
        """Send a request once the connection stands; see urllib3, which connects as it sends."""
        if self.sock is None:
            self.connect()
        self._last_word = _CALL.get().last_word
        super().request(method, url, body, headers, **more)

    def send(self, data: Any) -> None:  # noqa: ANN401 -- as http.client has it
        """Write to the socket; the first write of a request is the last chance to say no."""
        last_word, self._last_word = self._last_word, None
        if last_word is not None:
            last_word()
        if self.sock is not None:
            self.sock.settimeout(min(SILENCE_S, _CALL.get().left_s()))
        super().send(data)

    def response_class(self, sock: socket.socket, **more: Any) -> HTTPResponse:  # type: ignore[override]  # noqa: ANN401 -- called as the class is
        """Return an answer that is read from the socket within the time of its request."""
        return HTTPResponse(_Readable(sock, _CALL.get()), **more)  # type: ignore[arg-type] # makefile is all it asks of a socket


class _TlsConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        """Connect and shake hands; what fails here has sent no byte of a request.

        As urllib3 has it, a handshake that ends late or is cut reads as an answer that did.
        """
        try:
            super().connect()
        except (NewConnectionError, ConnectTimeoutError):
            raise
        except (OSError, HTTPError) as error:  # Python's SSL errors are OSErrors
            self.close()
            words = (
                getattr(error, name, None) for name in ("verify_message", "reason", "strerror")
            )
            said = next(filter(None, words), error)
            # Told without what stands in brackets, as an OS error is without its number.
            raise NewConnectionError(self, f"[TLS] the handshake failed: {said}") from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final = {"http": _Pool, "https": _TlsPool}


class _Readable:
    def __init__(self, sock: socket.socket, call: _Call) -> None:
        self._sock, self._call = sock, call

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._sock, self._call))


class _Reading(io.RawIOBase):
    """The socket's bytes: each wait for some ends with the request's time, not anew."""

    def __init__(self, sock: socket.socket, call: _Call) -> None:
        self._sock, self._call = sock, call
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 -- a writable buffer
        self._sock.settimeout(min(SILENCE_S, self._call.left_s()))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
