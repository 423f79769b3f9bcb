"""A stream that was dead for a while misses nothing, and says how long nothing was told."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from websockets.http11 import Request
from websockets.sync.server import ServerConnection, serve

from brokers.alpaca.broker import AlpacaPaperBroker
from brokers.alpaca.credentials import Credentials
from brokers.alpaca.rate import RateBudget
from brokers.alpaca.transport import AlpacaHttp
from brokers.alpaca.updates import OVERLAP, Backfill, TradeUpdates
from brokers.broker import OrderReport, OrderStatus
from stack.alpaca_server.control import AlpacaControl
from tests.brokers.contract import NOW, a_request

PATIENCE_S = 30.0


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def paper(alpaca: AlpacaControl, clock: Clock) -> Iterator[AlpacaPaperBroker]:
    alpaca.set_time(NOW.isoformat())
    alpaca.quote("MSFT", bid="104.98", ask="105.02")
    account = alpaca.add_account("PA1")
    keys = Credentials(SecretStr(account.key_id), SecretStr(account.secret_key))
    budget = RateBudget(time.monotonic, time.time)

    def stream(backfill: Backfill) -> TradeUpdates:
        return TradeUpdates(alpaca.stream_url, keys, backfill, clock)

    broker = AlpacaPaperBroker(AlpacaHttp(alpaca.url, keys, 2.0, budget), stream)
    yield broker
    broker.hush()
    broker.http.close()


def until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < deadline
        Event().wait(0.02)


def nobody_listens() -> bool:
    return not any(thread.name == "trade-updates" for thread in enumerate_threads())


def test_a_stream_that_is_closed_at_once_ends_though_nobody_can_be_reached(clock: Clock) -> None:
    keys = Credentials(SecretStr("a"), SecretStr("b"))
    updates = TradeUpdates("ws://127.0.0.1:1", keys, lambda _: [], clock)

    updates.listen()
    updates.close()

    until(nobody_listens)
    assert updates.connection == 0


def test_a_stream_that_is_closed_while_it_connects_ends(clock: Clock) -> None:
    # given: a server that keeps the handshake waiting
    knocked, may_enter, gone = Event(), Event(), Event()

    def keep_waiting(connection: ServerConnection, _request: Request) -> None:
        del connection
        knocked.set()
        assert may_enter.wait(PATIENCE_S)

    def authorize(connection: ServerConnection) -> None:
        connection.recv()
        connection.send('{"stream": "authorization", "data": {"status": "authorized"}}')
        for _ in connection:
            pass
        gone.set()

    keys = Credentials(SecretStr("a"), SecretStr("b"))
    with serve(authorize, "127.0.0.1", 0, process_request=keep_waiting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        updates = TradeUpdates(f"ws://127.0.0.1:{port}", keys, lambda _: [], clock)
        updates.listen()
        assert knocked.wait(PATIENCE_S)

        # when
        updates.close()
        may_enter.set()

        # then: it is connected, and goes
        assert gone.wait(PATIENCE_S)
        until(nobody_listens)
        assert updates.connection == 0


def test_what_filled_while_the_stream_was_dead_is_told_however_old_its_order_is(
    alpaca: AlpacaControl, paper: AlpacaPaperBroker, clock: Clock
) -> None:
    # given: an order from long before, and a stream that hears of nothing new
    order = paper.submit(a_request())
    alpaca.advance(3600)
    clock.time += timedelta(hours=1)
    told = list[OrderReport]()
    with capture_logs() as lines:
        paper.listen()
        until(paper.told_by)
        first = paper.told_by()

        # when: it is dead for a minute, in which the order fills
        alpaca.open_stream(is_open=False)
        alpaca.drop_streams("PA1", abruptly=True)
        until(lambda: not paper.told_by())
        alpaca.advance(60)
        clock.time += timedelta(minutes=1)
        alpaca.fill("PA1", order.client_order_id)
        list(paper.updates())
        alpaca.open_stream(is_open=True)
        until(paper.told_by)
        told += paper.updates()

    # then: it is told, with how long nothing was, by another connection than before
    assert [(one.broker_order_id, one.status) for one in told] == [
        (order.broker_order_id, OrderStatus.FILLED)
    ]
    heard = [line for line in lines if line["event"] == "trade_updates_heard"]
    assert [line["silent_s"] for line in heard] == [0.0, 60.0]
    assert paper.told_by() != first
    assert timedelta(hours=1) > OVERLAP  # it was not among the new orders


def test_books_hold_an_old_order_that_has_filled_since(
    alpaca: AlpacaControl, paper: AlpacaPaperBroker
) -> None:
    order = paper.submit(a_request())
    alpaca.advance(7200)
    since = NOW + timedelta(hours=1)
    alpaca.fill("PA1", order.client_order_id)

    books = paper.books(since, NOW + timedelta(hours=2))

    assert [(one.broker_order_id, one.status) for one in books.orders] == [
        (order.broker_order_id, OrderStatus.FILLED)
    ]
