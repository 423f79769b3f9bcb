"""One attempt is one request, whatever comes back, and it ends in time."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from brokers.alpaca.classify import Breakage
from brokers.alpaca.credentials import HOSTS, refusal_of
from brokers.alpaca.transport import HardenedSession
from brokers.errors import (
    BrokerUnavailable,
    CredentialsRefused,
    DuplicateOrder,
    OrderNotAccepted,
    OrderOutcomeUnclear,
    OrderRefused,
    QuestionRefused,
)
from events.identifiers import ClientOrderId
from events.order import RejectionClass
from stack.alpaca_server.control import AlpacaControl
from tests.brokers.alpaca.wire import SECRET, Answer, answering, broker_at, http, reset
from tests.brokers.contract import StoppedHere, a_request

ORDER = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "client_order_id": "tiny-1-entry",
    "symbol": "MSFT",
    "side": "buy",
    "status": "pending_new",
    "qty": "10",
    "filled_qty": "0",
    "filled_avg_price": None,
    "limit_price": "101",
    "created_at": "2026-01-05T14:30:00.123456789Z",
}


def submitted(*answers: Answer) -> tuple[list[bytes], BaseException | None]:
    """POST one order to a server that has `answers`; return the requests, and what was raised."""
    with answering(*answers) as wire:
        broker, way = broker_at(wire.url)
        raised: BaseException | None = None
        try:
            broker.submit(a_request())
        except Exception as error:  # noqa: BLE001 -- the test says which it must be
            raised = error
        way.close()
    return wire.requests, raised


def the_order(**changes: object) -> bytes:
    """Return a whole 200 with the order, but for `changes`."""
    return http("200 OK", json.dumps(ORDER | changes).encode())


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        (None, "the connection broke off"),
        (reset, "the connection broke off"),
        (http("200 OK"), "HTTP 200 (empty body)"),
        (http("200 OK", b"<html>maintenance</html>"), "answered with no JSON: HTTP 200 <html>"),
        (http("200 OK", json.dumps(ORDER).encode()[:80]), "answered with cut JSON: HTTP 200 {"),
        (http("200 OK", b"[]"), "answered with no order: HTTP 200 []"),
        (http("200 OK", b'{"id": "of what?"}'), "answered with no order: HTTP 200 {"),
        (the_order(client_order_id="other"), "answered with another order: HTTP 200 {"),
        (the_order(client_order_id="other", qty=None), "answered with another order: HTTP 200 {"),
        (the_order(filled_qty="11"), "answered with an order that makes no sense: HTTP 200 {"),
        (
            http("200 OK", json.dumps(ORDER).replace('"10"', "NaN").encode()),
            "answered with cut JSON: HTTP 200 {",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + json.dumps(ORDER).encode(),
            "the connection broke off",
        ),
        (http("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/"), "HTTP 307"),
        (
            http("429 Too Many Requests", b'{"message": "too many requests"}'),
            "refused, though not as the broker does: HTTP 429",
        ),
        (
            http("403 Forbidden", b'{"message": "blocked by policy"}'),
            "refused, though not as the broker does: HTTP 403",
        ),
        (
            http("404 Not Found", b'{"code": 40410000, "message": "endpoint not found."}'),
            "refused, though not as the broker does: HTTP 404",
        ),
        (
            http("500 Internal Server Error", b'{"code": 50010000, "message": "internal error"}'),
            "HTTP 500",
        ),
        (http("502 Bad Gateway", b"<html>bad gateway</html>"), "HTTP 502"),
        (http("503 Service Unavailable"), "HTTP 503"),
        (http("504 Gateway Timeout"), "HTTP 504"),
    ],
)
def test_an_order_whose_answer_proves_nothing_is_posted_once_and_unknown(
    answer: Answer, how: str
) -> None:
    good = http("200 OK", json.dumps(ORDER).encode())

    requests, raised = submitted(answer, good, good)

    assert type(raised) is OrderOutcomeUnclear
    assert str(raised).startswith(how)
    assert len(requests) == 1


def test_numbers_of_an_order_go_out_as_they_were_decided() -> None:
    requests, raised = submitted(http("200 OK", json.dumps(ORDER).encode()))

    assert raised is None
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2/orders HTTP/1.1")
    sent = json.loads(body)
    assert (sent["qty"], sent["limit_price"]) == ("10", "101")
    assert (sent["side"], sent["type"], sent["time_in_force"]) == ("buy", "limit", "day")
    assert sent["client_order_id"] == "tiny-1-entry"


def test_a_refusal_keeps_the_brokers_words_and_numbers() -> None:
    body = b'{"code": 40310000, "message": "insufficient buying power"}'

    _, raised = submitted(http("403 Forbidden", body))

    assert isinstance(raised, OrderRefused)
    assert (raised.status, raised.code) == (403, 40310000)
    assert raised.message == "insufficient buying power"
    assert raised.rejection_class is RejectionClass.BUYING_POWER


def test_a_taken_id_asks_for_the_order_that_has_it() -> None:
    body = b'{"code": 40010001, "message": "client_order_id must be unique"}'

    _, raised = submitted(http("422 Unprocessable Entity", body))

    assert isinstance(raised, DuplicateOrder)


def test_the_rate_limiters_refusal_proves_that_there_is_no_order() -> None:
    answer = http("429 Too Many Requests", b"", "X-RateLimit-Reset: 1767225600")

    requests, raised = submitted(answer, http("200 OK"))

    assert isinstance(raised, OrderNotAccepted)
    assert len(requests) == 1


def test_where_nobody_listens_nothing_was_sent() -> None:
    with answering() as wire:
        url = wire.url
    broker, way = broker_at(url)

    with pytest.raises(OrderNotAccepted):
        broker.submit(a_request())
    way.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes a connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_broker_that_says_nothing_is_given_up_and_its_order_unknown(silent: str) -> None:
    broker, way = broker_at(silent, deadline_s=1.5)

    with pytest.raises(OrderOutcomeUnclear):
        broker.submit(a_request())
    way.close()


def dribble(first: bytes, last: bytes) -> Answer:
    """Return an answer that comes byte by byte, for longer than anybody should wait for it."""

    def write(connection: socket.socket) -> None:
        connection.sendall(first)
        with suppress(OSError):  # the other side has had enough
            for _ in range(1000):
                connection.sendall(b" ")
                threading.Event().wait(0.02)
            connection.sendall(last)

    return write


@pytest.mark.parametrize(
    "answer",
    [
        dribble(b"HTTP/1.1 200 OK\r\nX-Header:", b"\r\n\r\n" + json.dumps(ORDER).encode()),
        dribble(b"HTTP/1.1 200 OK\r\n\r\n", json.dumps(ORDER).encode()),
    ],
    ids=["header", "body"],
)
def test_an_answer_that_dribbles_in_is_given_up_in_time(answer: Answer) -> None:
    with answering(answer) as wire:
        broker, way = broker_at(wire.url, deadline_s=1.5)
        with pytest.raises(OrderOutcomeUnclear, match="in time"):
            broker.submit(a_request())
        way.close()


def test_a_name_that_is_not_resolved_in_time_is_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved = threading.Event()

    def hangs(*_: object, **__: object) -> list[object]:
        resolved.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    _, way = broker_at("http://a-broker.example", deadline_s=0.2)

    reply = way.send("GET", "/v2/account")
    way.close()
    resolved.set()

    assert (reply.breakage, reply.why) == (Breakage.NEVER_CONNECTED, "no connection in time")


def test_an_order_that_is_stopped_at_its_last_word_has_a_connection_and_puts_no_byte_on_it() -> (
    None
):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        broker, way = broker_at(f"http://127.0.0.1:{listener.getsockname()[1]}")
        reached: list[socket.socket] = []

        def stop() -> None:
            reached.append(listener.accept()[0])  # it stands
            raise StoppedHere

        with pytest.raises(StoppedHere):
            broker.submit(replace(a_request(), last_word=stop))
        way.close()

        [connection] = reached
        with connection:
            assert connection.recv(1) == b""


def test_a_look_up_that_gets_no_answer_proves_nothing() -> None:
    with answering(http("502 Bad Gateway"), http("200 OK", b"<html>")) as wire:
        broker, way = broker_at(wire.url)
        for _ in range(2):
            with pytest.raises(BrokerUnavailable):
                broker.find(ClientOrderId("tiny-1-entry"))
        way.close()


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"message": "not found"}',
        b'{"code": "40410000", "message": "order not found"}',
        b'{"code": 40410000, "message": "endpoint not found"}',
        b'{"code": 5, "message": "no such route"}',
    ],
)
def test_a_404_that_is_not_in_the_brokers_form_is_no_proof_of_absence(body: bytes) -> None:
    with answering(http("404 Not Found", body)) as wire:
        broker, way = broker_at(wire.url)
        with pytest.raises(BrokerUnavailable):
            broker.find(ClientOrderId("tiny-1-entry"))
        way.close()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        ("401 Unauthorized", b'{"message": "unauthorized."}', CredentialsRefused),
        (
            "401 Unauthorized",
            b'{"code": 40110000, "message": "not authorized"}',
            CredentialsRefused,
        ),
        ("403 Forbidden", b'{"message": "forbidden."}', CredentialsRefused),
        ("401 Unauthorized", b"<html>log in to this network</html>", BrokerUnavailable),
        ("403 Forbidden", b'{"message": "blocked by policy"}', QuestionRefused),
        ("403 Forbidden", b'{"code": 40310000, "message": "forbidden."}', QuestionRefused),
        ("422 Unprocessable Entity", b'{"code": 42210000, "message": "no"}', QuestionRefused),
    ],
)
def test_only_the_broker_itself_can_say_that_it_does_not_know_our_key(
    status: str, body: bytes, kind: type[BrokerUnavailable]
) -> None:
    with answering(http(status, body)) as wire:
        broker, way = broker_at(wire.url)
        with pytest.raises(BrokerUnavailable) as refusal:
            broker.account()
        way.close()

    assert type(refusal.value) is kind


def test_what_filled_is_told_by_its_cumulative_quantity() -> None:
    filled = ORDER | {"status": "partially_filled", "filled_qty": "3", "filled_avg_price": "100.5"}
    with answering(http("200 OK", json.dumps(filled).encode())) as wire:
        broker, way = broker_at(wire.url)
        report = broker.find(ClientOrderId("tiny-1-entry"))
        way.close()

    assert report is not None
    [fill] = report.fills
    assert (fill.cumulative_quantity, fill.price) == (Decimal(3), Decimal("100.5"))


def test_no_error_shows_the_secret(silent: str) -> None:
    _, way = broker_at(silent, deadline_s=1.5)

    reply = way.send("GET", "/v2/account")
    way.close()

    assert reply.breakage is Breakage.BROKE_OFF
    assert SECRET not in repr(reply) + repr(way.__dict__)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://paper-api.alpaca.markets", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("https://api.alpaca.markets", False),
        ("http://paper-api.alpaca.markets", False),
        ("https://paper-api.alpaca.markets.example.com", False),
        ("https://paper-api.alpaca.markets@example.com", False),
        ("file:///etc/passwd", False),
    ],
)
def test_a_key_goes_to_the_paper_host_and_this_machine_only(url: str, *, allowed: bool) -> None:
    assert (refusal_of(url) is None) is allowed


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets",
        "https://API.ALPACA.MARKETS:443/v2",
        "https://api.alpaca.markets.",
        "https://paper-api.alpaca.markets@api.alpaca.markets",
        "wss://api.alpaca.markets/stream",
        "https://broker-api.alpaca.markets",
    ],
)
def test_no_switch_opens_the_way_to_real_money(url: str) -> None:
    told = refusal_of(url, other_hosts=True)

    assert told is not None
    assert "real money is not traded from here" in told


@pytest.mark.parametrize("host", ["proxy.example.com", "notalpaca.markets"])
def test_a_host_of_ones_own_needs_a_switch(host: str) -> None:
    assert "set allow_other_hosts" in (refusal_of(f"https://{host}") or "")
    assert refusal_of(f"https://{host}", other_hosts=True) is None


def test_the_switch_closes_none_of_the_ways_that_are_open_without_it() -> None:
    assert [host for host in HOSTS if refusal_of(f"https://{host}", other_hosts=True)] == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("hang", "no answer in time"),
        ("reset", "the connection broke off: Connection reset by peer"),
        ("close", "the connection broke off: Remote end closed connection without response"),
    ],
)
def test_how_a_request_broke_is_told_in_words(
    alpaca: AlpacaControl, fault: Literal["hang", "reset", "close"], words: str
) -> None:
    _, way = broker_at(alpaca.url, deadline_s=1.5)
    alpaca.fault(fault, method="GET", path="/v2/account")

    reply = way.send("GET", "/v2/account")
    alpaca.refuse_connections()
    nobody = way.send("GET", "/v2/account")
    way.close()

    assert reply.why == words
    assert nobody.why == "no connection: Connection refused"


def test_no_other_credentials_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: somebody's password for the same host
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password another-secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    # when
    with answering(http("200 OK", b"{}"), http("200 OK", b"{}")) as wire:
        _, way = broker_at(wire.url)
        way.send("GET", "/v2/account")
        way.close()
        session = HardenedSession(5.0)
        session.request("GET", f"{wire.url}/v2/stocks/snapshots")
        session.close()

    # then
    assert len(wire.requests) == 2
    assert not [one for one in wire.requests if b"authorization" in one.lower()]


def test_each_host_goes_through_the_proxy_that_the_environment_names_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given: a proxy for everything but this machine
    with answering(http("200 OK"), http("200 OK")) as proxy, answering(http("200 OK")) as here:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        session = HardenedSession(5.0)

        # when
        for url in ("http://a-broker.example/1", f"{here.url}/2", "http://a-broker.example/3"):
            session.request("GET", url)
        session.close()

    # then
    asked = [one.split(b" HTTP")[0] for one in proxy.requests]
    assert asked == [b"GET http://a-broker.example/1", b"GET http://a-broker.example/3"]
    assert [one.split(b" HTTP")[0] for one in here.requests] == [b"GET /2"]
