"""The lies and silences of the fake Alpaca, and what its ledger says meanwhile."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from stack.alpaca_server.faults import Answer
from tests.alpaca.client import Client, order_body

SILENT_S = 1.5


def attempt(client: Client, name: str = "one", timeout_s: float = 5) -> requests.Response:
    body = order_body(client_order_id=name)
    return client.send("POST", "/v2/orders", json=body, checked=False, timeout_s=timeout_s)


def statuses(client: Client) -> list[str]:
    return [order["status"] for order in client.alpaca.orders("PA1")]


@pytest.mark.parametrize(
    ("answer", "breaks"),
    [
        ("reset", requests.ConnectionError),
        ("close", requests.ConnectionError),
        ("cut", requests.exceptions.ChunkedEncodingError),
        ("hang", requests.Timeout),
    ],
)
@pytest.mark.parametrize("accepts", [True, False], ids=["accepted", "not accepted"])
def test_a_connection_breaks_with_and_without_an_order(
    client: Client, answer: Answer, breaks: type[Exception], *, accepts: bool
) -> None:
    client.alpaca.fault(answer, accepts=accepts)

    with pytest.raises(breaks):
        attempt(client, timeout_s=SILENT_S if answer == "hang" else 5)

    [post] = client.alpaca.posts()
    assert post["answer"] == answer
    assert post["outcome"] == ("accepted" if accepts else "unseen")
    assert statuses(client) == (["filled"] if accepts else [])
    assert client.alpaca.faults_pending() == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("accepts", [True, False], ids=["accepted", "not accepted"])
def test_a_server_error_proves_nothing(client: Client, status: int, *, accepts: bool) -> None:
    client.alpaca.fault("html", accepts=accepts, status=status)

    answer = attempt(client)

    assert answer.status_code == status
    assert answer.text.startswith("<html>")
    assert len(statuses(client)) == int(accepts)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"answer": "empty"}, ""),
        ({"answer": "html", "body": "<html>maintenance</html>"}, "<html>maintenance</html>"),
        ({"answer": "body", "body": '{"id": "of another order"}'}, '{"id": "of another order"}'),
    ],
)
def test_a_200_may_say_anything(client: Client, fault: dict[str, Any], text: str) -> None:
    client.alpaca.fault(**fault, accepts=True)

    answer = attempt(client)

    assert (answer.status_code, answer.text) == (200, text)
    assert statuses(client) == ["filled"]


def test_an_answer_may_be_late_though_true(client: Client) -> None:
    client.alpaca.fault("usual", delay_ms=3000)

    with pytest.raises(requests.Timeout):
        attempt(client, timeout_s=SILENT_S)

    assert statuses(client) == ["filled"]


def test_requests_that_hang_can_be_let_go_and_the_next_one_is_answered(client: Client) -> None:
    client.alpaca.fault("hang")
    with pytest.raises(requests.Timeout):
        attempt(client, timeout_s=SILENT_S)
    client.alpaca.release()

    assert attempt(client).status_code == 200
    assert [post["answer"] for post in client.alpaca.posts()] == ["hang", "200"]


def test_a_fault_hits_the_request_it_was_meant_for(client: Client) -> None:
    client.alpaca.fault("html", status=503, client_order_id="third")
    client.alpaca.fault("html", status=500, skip=1)
    client.alpaca.fault("html", status=502, method="GET", path="/v2/positions.*", times=None)

    answered = [attempt(client, name).status_code for name in ("first", "second", "third")]
    looked = [
        client.send("GET", f"/v2/positions{symbol}", checked=False).status_code
        for symbol in ("", "/AAPL")
    ]

    assert answered == [200, 500, 503]
    assert looked == [502, 502]


def test_nobody_is_at_home_while_connections_are_refused(client: Client) -> None:
    address = urlsplit(client.alpaca.url)
    client.get("/v2/clock")  # leaves a connection open, which must not survive either
    client.alpaca.refuse_connections()

    with pytest.raises(requests.ConnectionError):
        attempt(client)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname or "", address.port or 0), timeout=5)
    client.alpaca.accept_connections()

    assert attempt(client).status_code == 200
    assert len(client.alpaca.posts()) == 1


def test_every_answer_tells_how_many_requests_are_left(client: Client) -> None:
    client.alpaca.rate_limit(3)

    answers = [attempt(client, f"order {number}") for number in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    left = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert left == ["2", "1", "0", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3"}
    assert 0 < int(answers[-1].headers["X-RateLimit-Reset"]) - time.time() <= 61
    assert len(statuses(client)) == 3


def test_a_429_may_come_out_of_the_blue_with_or_without_a_reset(client: Client) -> None:
    client.alpaca.fault("body", status=429, body="{}", rate_limit_headers=False)
    client.alpaca.fault("body", status=429, body="{}", headers={"X-RateLimit-Reset": "1795000000"})

    without, with_reset = attempt(client, "one"), attempt(client, "two")

    assert "X-RateLimit-Reset" not in without.headers
    assert with_reset.headers["X-RateLimit-Reset"] == "1795000000"
    assert statuses(client) == []


def test_an_order_may_be_there_and_not_be_found_yet(client: Client) -> None:
    placed = client.place("one")
    client.alpaca.hide("one", lookups=2)
    named = {"client_order_id": "one"}

    looked = [client.send("GET", "/v2/orders:by_client_order_id", params=named) for _ in range(3)]

    assert [answer.status_code for answer in looked] == [404, 404, 200]
    assert looked[0].json()["code"] == 40410000
    assert looked[2].json()["id"] == placed["id"]


def test_an_order_may_stay_hidden_for_some_seconds_of_its_life(client: Client) -> None:
    client.alpaca.hide(seconds=10)
    client.alpaca.advance(3600)
    client.place("one")
    hidden = client.get("/v2/orders", status="all")

    client.alpaca.advance(11)

    assert hidden == []
    assert client.find("one")["status"] == "filled"


def test_one_attempt_on_a_raw_socket_is_one_receipt_with_its_body(client: Client) -> None:
    attempt(client, "one")
    attempt(client, "one")

    posts = client.alpaca.posts()
    assert [post["number"] for post in posts] == [1, 2]
    assert [post["outcome"] for post in posts] == ["accepted", "refused"]
    assert [post["client_order_id"] for post in posts] == ["one", "one"]
    assert '"limit_price": "101"' in posts[0]["body"]
    assert posts[0]["order_id"] == client.alpaca.orders("PA1")[0]["id"]
