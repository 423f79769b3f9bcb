"""A handshake that fails has sent no order; what fails after one may have sent it."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from brokers.errors import OrderNotAccepted, OrderOutcomeUnclear
from consumers.clock import SystemClock
from tests.brokers.alpaca.wire import broker_at, reset
from tests.brokers.contract import a_request

HELLO_BYTES = 65536
Greeting: TypeAlias = Callable[[socket.socket], bytes]


@dataclass(slots=True)
class Door:
    """A port of this machine, and what could be read there of each request: all of it, in clear."""

    url: str
    read: list[bytes] = field(default_factory=list)


@contextmanager
def opened(greeting: Greeting) -> Iterator[Door]:
    """Yield a door at which `greeting` meets one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        door = Door(f"https://127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            connection, _ = listener.accept()
            connection.settimeout(10)
            with connection, suppress(OSError):  # the other side goes, as it should
                door.read.append(greeting(connection))

        thread = Thread(target=serve)
        thread.start()
        try:
            yield door
        finally:
            thread.join(10)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine and its key, in one file; only it vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a broker")])
    now = SystemClock().now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "broker.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


def secured(certificate: Path | None) -> Greeting:
    """Return who shakes hands, reads what comes, and goes without an answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate)

    def greet(connection: socket.socket) -> bytes:
        with context.wrap_socket(connection, server_side=True) as secure:
            return secure.recv(HELLO_BYTES)

    return greet


def cut(connection: socket.socket) -> bytes:
    connection.recv(HELLO_BYTES)
    return b""


def cut_off_with_a_reset(connection: socket.socket) -> bytes:
    connection.recv(HELLO_BYTES)
    reset(connection)
    return b""


def answered_in_clear(connection: socket.socket) -> bytes:
    connection.recv(HELLO_BYTES)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    return b""


def silent(connection: socket.socket) -> bytes:
    while connection.recv(HELLO_BYTES):  # until the other side has had enough
        pass
    return b""


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(None, id="its certificate is nobody's"),
        pytest.param(secured(None), id="no cipher in common"),
        cut,
        cut_off_with_a_reset,
        answered_in_clear,
        silent,
    ],
)
def test_an_order_whose_handshake_fails_was_never_sent(
    greeting: Greeting | None, certificate: Path
) -> None:
    with opened(greeting or secured(certificate)) as door:
        broker, way = broker_at(door.url, deadline_s=1.5)
        with pytest.raises(OrderNotAccepted, match="no connection: the handshake failed: "):
            broker.submit(a_request())
        way.close()

    assert b"".join(door.read) == b""


def test_an_order_that_is_cut_off_after_the_handshake_is_unknown(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a broker whose certificate is trusted, and who reads and goes
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)

    with opened(secured(certificate)) as door:
        broker, way = broker_at(door.url)
        with pytest.raises(OrderOutcomeUnclear):
            broker.submit(a_request())
        way.close()

    assert door.read[0].startswith(b"POST /v2/orders")
