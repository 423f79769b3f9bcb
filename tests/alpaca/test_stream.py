"""The `trade_updates` websocket: what it says, and how it fails."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from stack.alpaca_server.control import AlpacaControl
from tests.alpaca import official
from tests.alpaca.client import Client, order_body

WITHIN_S = 5


def say(socket: ClientConnection, action: str, data: dict[str, Any]) -> Any:  # noqa: ANN401 -- any JSON
    socket.send(json.dumps({"action": action, "data": data}))
    return hear(socket)


def hear(socket: ClientConnection) -> Any:  # noqa: ANN401 -- any JSON
    frame = socket.recv(timeout=WITHIN_S)
    assert isinstance(frame, bytes)  # binary frames, as documented
    message = json.loads(frame)
    if message["stream"] == "trade_updates" and "order" in message["data"]:
        assert official.order_problems(message["data"]["order"]) == []
    return message


def events(socket: ClientConnection, count: int) -> list[str]:
    return [hear(socket)["data"]["event"] for _ in range(count)]


@pytest.fixture
def listen(client: Client) -> Iterator[Callable[[], ClientConnection]]:
    sockets = ExitStack()

    def connected() -> ClientConnection:
        socket = sockets.enter_context(connect(client.alpaca.stream_url, close_timeout=1))
        keys = {"key_id": client.account.key_id, "secret_key": client.account.secret_key}
        assert say(socket, "authenticate", keys)["data"]["status"] == "authorized"
        listening = say(socket, "listen", {"streams": ["trade_updates"]})
        assert listening == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        return socket

    with sockets:
        yield connected


def test_an_order_tells_its_life(client: Client, listen: Callable[[], ClientConnection]) -> None:
    socket = listen()
    client.alpaca.quote("AAPL", bid="99", ask="100", ask_size="4")
    placed = client.place("one", qty="10", time_in_force="ioc")

    new, partial, canceled = (hear(socket)["data"] for _ in range(3))

    assert [each["event"] for each in (new, partial, canceled)] == [
        "new",
        "partial_fill",
        "canceled",
    ]
    assert partial["order"]["id"] == placed["id"]
    assert partial["order"]["filled_qty"] == "4"
    assert (partial["qty"], partial["price"], partial["position_qty"]) == ("4", "100", "4")
    assert "qty" not in new
    assert len({each["execution_id"] for each in (new, partial, canceled)}) == 3


def test_wrong_keys_hear_nothing(client: Client) -> None:
    with connect(client.alpaca.stream_url) as socket:
        answer = say(socket, "authenticate", {"key_id": "PK-PA1", "secret_key": "wrong"})

        assert answer["data"]["status"] == "unauthorized"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=WITHIN_S)


def test_accounts_hear_only_of_themselves(
    alpaca: AlpacaControl, client: Client, listen: Callable[[], ClientConnection]
) -> None:
    socket = listen()
    other = Client(alpaca, alpaca.add_account("PA2"))
    other.place("theirs")
    client.place("mine")

    assert hear(socket)["data"]["order"]["client_order_id"] == "mine"


def test_updates_come_twice_backwards_or_of_an_unknown_kind(
    client: Client, listen: Callable[[], ClientConnection]
) -> None:
    socket = listen()
    client.alpaca.stream_manner("doubled")
    client.place("twice")
    twice = events(socket, 4)
    client.alpaca.stream_manner("held")
    client.place("backwards")
    client.alpaca.release_stream(backwards=True)
    backwards = events(socket, 2)
    client.alpaca.send_update("PA1", {"event": "trade_bust", "execution_id": "x"})

    assert twice == ["new", "new", "fill", "fill"]
    assert backwards == ["fill", "new"]
    assert events(socket, 1) == ["trade_bust"]


@pytest.mark.parametrize("abruptly", [False, True], ids=["in order", "abruptly"])
def test_what_happens_while_the_stream_is_down_is_never_told(
    client: Client, listen: Callable[[], ClientConnection], *, abruptly: bool
) -> None:
    first = listen()
    client.alpaca.open_stream(is_open=False)
    client.alpaca.drop_streams("PA1", abruptly=abruptly)
    with pytest.raises(ConnectionClosed):
        first.recv(timeout=WITHIN_S)
    client.place("missed")
    with pytest.raises(InvalidStatus, match="503"), connect(client.alpaca.stream_url):
        pytest.fail("the stream took a listener while it was closed")

    client.alpaca.open_stream(is_open=True)
    second = listen()
    client.place("heard")

    assert hear(second)["data"]["order"]["client_order_id"] == "heard"
    assert client.alpaca.listeners("PA1") == 1


def test_a_fill_may_be_told_before_the_order_is_answered(
    client: Client, listen: Callable[[], ClientConnection]
) -> None:
    socket = listen()
    client.alpaca.fault("hang", accepts=True)

    with pytest.raises(requests.Timeout):
        client.send("POST", "/v2/orders", json=order_body(), timeout_s=1.5)

    assert events(socket, 2) == ["new", "fill"]


def test_time_alone_brings_updates(client: Client, listen: Callable[[], ClientConnection]) -> None:
    socket = listen()
    client.alpaca.set_time("2026-11-24T15:00:00Z", running=True)
    client.alpaca.habits(fill_after_ms=50)
    client.place("soon")

    assert events(socket, 2) == ["new", "fill"]
