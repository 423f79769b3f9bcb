"""A server of raw bytes on this machine, and a broker that talks to it.

The server answers what it is told, and counts what arrives.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TypeAlias

from pydantic import SecretStr

from brokers.alpaca.broker import AlpacaPaperBroker
from brokers.alpaca.credentials import Credentials
from brokers.alpaca.rate import RateBudget
from brokers.alpaca.transport import AlpacaHttp

Answer: TypeAlias = bytes | Callable[[socket.socket], None] | None
SECRET = "a-secret-that-nobody-may-read"  # noqa: S105 -- a made-up one, to be looked for


class Wire:
    """Answers each request with the next of `answers`; None cuts the connection."""

    def __init__(self, answers: list[Answer]) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Answer until there is nothing left to answer, or nobody listens."""
        for answer in self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.requests.append(_request(connection))
                if callable(answer):
                    answer(connection)
                elif answer is not None:
                    connection.sendall(answer)

    def close(self) -> None:
        """Take no more connections; a `serve` that waits for one ends."""
        with suppress(OSError):  # macOS: nothing is connected
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def answering(*answers: Answer) -> Iterator[Wire]:
    """Run a `Wire` in a thread."""
    wire = Wire(list(answers))
    thread = Thread(target=wire.serve)
    thread.start()
    try:
        yield wire
    finally:
        wire.close()
        thread.join(10)


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a whole HTTP response that closes its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """Cut the connection so that the other side hears of it as a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def broker_at(url: str, deadline_s: float = 5.0) -> tuple[AlpacaPaperBroker, AlpacaHttp]:
    """Return a broker that talks to `url`."""
    budget = RateBudget(time.monotonic, time.time)
    way = AlpacaHttp(url, Credentials(SecretStr("KEY"), SecretStr(SECRET)), deadline_s, budget)
    return AlpacaPaperBroker(way), way


def _request(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
