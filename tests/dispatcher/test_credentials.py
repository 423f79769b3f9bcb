"""Canaries: an account's key and secret get into no log line, event, error, argument or file."""

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from brokers.alpaca.broker import AlpacaPaperBroker
from brokers.alpaca.credentials import Credentials
from brokers.alpaca.data import AlpacaData
from brokers.alpaca.rate import RateBudget
from brokers.alpaca.transport import AlpacaHttp
from brokers.errors import BrokerError
from consumers.clock import SystemClock, elapsed_s
from consumers.cluster import Cluster
from consumers.errors import ConfigurationError
from consumers.kafka import consume_batch, consumer_config
from consumers.offsets import end_offset
from consumers.settings import load_settings
from events.account import AccountHalted
from events.identifiers import BrokerOrderId, ClientOrderId
from events.order import OrderOutcomeUnknown, OrderRejected
from events.topics import SNAPSHOTS
from stack.alpaca_server.control import AlpacaControl
from tests.brokers.contract import a_request
from tests.cli.running import ROOT, Answer, Command
from tests.dispatcher.paper import QUICK, Desk, a_desk, advice
from tests.dispatcher.world import World, ends

TICKERS: Final = ("MSFT", "AAPL", "NVDA", "AMD", "TSLA")
NO_ID: Final = BrokerOrderId("00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True)
class Canary:
    """A key and a secret that nothing else in the world contains."""

    key_id: str
    secret: str

    @property
    def echo(self) -> str:
        """What a proxy may say that shows the request which it could not pass on."""
        return f"APCA-API-KEY-ID: {self.key_id} APCA-API-SECRET-KEY: {self.secret}"

    def assert_not_in(self, *said: str | bytes) -> None:
        for text in said:
            whole = text if isinstance(text, bytes) else text.encode()
            for value in (self.key_id, self.secret):
                found = whole.find(value.encode())
                assert found < 0, whole[max(0, found - 200) : found]


@pytest.fixture
def canary() -> Canary:
    return Canary(f"PK{token_hex(9).upper()}", f"s://{token_hex(18)}")


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    with a_desk(world, alpaca) as desk:
        for ticker in TICKERS:
            alpaca.quote(ticker, bid="99.98", ask="100.02")
        yield desk


@contextmanager
def running(desk: Desk, account: str, health: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real command beside the test; stop it in good order."""
    arguments = ["accounts", "run", account, "--log-format", "json", "--config"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments, str(desk.world.config)],
        env={**os.environ, **desk.environ, "DISPATCHER_HEALTH_FILE": str(health)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)


def everything_in_kafka(cluster: Cluster) -> dict[str, bytes]:
    """Return all records of our corner, keys, headers and values, by the topic's plain name."""
    config = consumer_config(cluster.bootstrap_servers, cluster.group("canary"))
    consumer = Consumer({**config, "isolation.level": "read_uncommitted", "log_level": 0})
    names = [
        one for one in consumer.list_topics(timeout=10).topics if one.startswith(cluster.prefix)
    ]
    ends = {(name, 0): end_offset(consumer, name) for name in names}
    consumer.assign([TopicPartition(name, 0, 0) for name in names])
    found, at = dict[str, bytes](), dict.fromkeys(ends, 0)
    while any(at[place] < end for place, end in ends.items()):
        batch = consume_batch(consumer, 500, 0.2)
        for message in batch.messages:
            whole = b"|".join([message.key() or b"", repr(message.headers()).encode()])
            topic = cluster.plain(str(message.topic()))
            found[topic] = found.get(topic, b"") + whole + (message.value() or b"") + b"\n"
            at[str(message.topic()), 0] = (message.offset() or 0) + 1
        at |= batch.ends
    consumer.close()
    return found


def test_a_dispatcher_that_meets_every_fault_tells_nobody_its_credentials(
    desk: Desk, canary: Canary, tmp_path: Path
) -> None:
    # given: faults at whose answers the broker, or a proxy, repeats what it was sent
    account = desk.open_account(
        tuning=f"{QUICK}reconcile_interval_ms = 300\n", keys=(canary.key_id, canary.secret)
    )
    refused = f'{{"code": 42210000, "message": "sent by {canary.echo}"}}'
    faults: tuple[dict[str, Any], ...] = (
        {"answer": "body", "status": 502, "body": f"<html>{canary.echo}</html>"},
        {"answer": "body", "status": 422, "body": refused},
        {"answer": "hang"},
        {"answer": "reset", "accepts": True},
    )
    for number, fault in enumerate(faults, start=2):
        desk.alpaca.fault(client_order_id=f"{account}-{number}-entry", **fault)
    desk.publish(*(advice(number, ticker=one) for number, one in enumerate(TICKERS, start=1)))

    # when: it trades, is cut off from the updates, loses its key, and is told to stop
    health = tmp_path / "health"
    with running(desk, account, health) as process:
        events = desk.world.await_ends(account, *range(1, 6))
        arguments = psutil.Process(process.pid).cmdline()
        desk.alpaca.drop_streams(abruptly=True)
        unauthorized = f'{{"message":"unauthorized: {canary.echo}"}}'
        desk.alpaca.fault(
            "body", status=401, body=unauthorized, method="GET", path="/v2/account", times=None
        )
        desk.world.await_log(account, lambda log: any(isinstance(x, AccountHalted) for x in log))
        beat = health.read_text()
    said, _ = process.communicate(timeout=30)

    # then
    assert process.returncode == 0, said
    assert ends(events) == dict.fromkeys(range(1, 6), 1)
    kept = everything_in_kafka(desk.world.cluster)
    canary.assert_not_in(said, beat, *arguments, *kept.values())
    told = [
        text
        for event in desk.world.log(account)
        for text in (
            event.how if isinstance(event, OrderOutcomeUnknown) else "",
            event.message if isinstance(event, OrderRejected) else "",
            event.reason if isinstance(event, AccountHalted) else "",
        )
        if "*****" in text
    ]
    assert told  # the broker's words are there, without ours in them
    assert kept[SNAPSHOTS.name]


def test_no_command_shows_the_credentials(desk: Desk, canary: Canary) -> None:
    account = desk.open_account(keys=(canary.key_id, canary.secret))
    command = Command(desk.world.directory)
    body = f'{{"message":"unauthorized: {canary.echo}"}}'
    unauthorized = {"answer": "body", "status": 401, "body": body, "times": None}
    desk.alpaca.say("fault", method="GET", path="/v2/account", **unauthorized)

    def told(*arguments: str, code: int) -> Answer:
        answer = command(*arguments, environ=desk.environ)
        assert answer.code == code, answer.err
        canary.assert_not_in(answer.out, answer.err)
        return answer

    assert "***" in told("config", "check", code=0).out
    findings = told("doctor", "--json", code=3).data["findings"]
    assert any("*****" in finding["says"] for finding in findings)
    assert "refuses the credentials" in told("accounts", "run", account, code=3).err


def test_no_configuration_error_shows_the_credentials(
    desk: Desk, canary: Canary, tmp_path: Path
) -> None:
    account = desk.open_account(keys=(canary.key_id, canary.secret))
    secret = next(name for name in desk.environ if name.endswith("SECRET_KEY"))
    written = tmp_path / "written.toml"
    table = f"[accounts.{account}.alpaca]"
    key = f'{table}\nsecret_key = "{canary.secret}"'
    written.write_text(desk.world.config.read_text().replace(table, key))

    def refusal(changed: dict[str, str], file: Path = desk.world.config) -> str:
        with pytest.raises(ConfigurationError) as raised:
            load_settings(file, {**desk.environ, **changed})
        canary.assert_not_in(str(raised.value), repr(raised.value))
        return str(raised.value)

    assert "printable" in refusal({secret: f"{canary.secret}\n{canary.secret}"})
    assert "set one of them" in refusal({f"{secret}_FILE": str(tmp_path)})
    del desk.environ[secret]
    assert "must not be written into a file" in refusal({}, written)
    settings = load_settings(desk.world.config, {**desk.environ, secret: canary.secret})
    canary.assert_not_in(str(settings), repr(settings))


FAULTS: Final[dict[str, dict[str, Any]]] = {
    "refused": {"answer": "body", "status": 401},
    "silent": {"answer": "hang"},
    "reset": {"answer": "reset"},
    "cut": {"answer": "cut"},
    "a proxy's page": {"answer": "body", "status": 502},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_error_has_the_credentials_in_its_words_or_its_frames(
    alpaca: AlpacaControl, canary: Canary, fault: dict[str, Any]
) -> None:
    # given: a broker at which every request fails
    alpaca.add_account("PA1", key_id=canary.key_id, secret_key=canary.secret)
    broker, data = ways(alpaca, canary)
    body: dict[str, Any] = {"body": canary.echo} if fault["answer"] == "body" else {}
    alpaca.fault(method="*", path=".*", times=None, **fault, **body)
    now = SystemClock().now()
    questions: list[Callable[[], object]] = [
        lambda: broker.submit(a_request()),
        lambda: broker.find(ClientOrderId("paper-1-entry")),
        lambda: broker.cancel(NO_ID),
        lambda: broker.books(now, now),
        lambda: data.stock_snapshot("MSFT"),
        lambda: data.option_snapshots(["MSFT261218C00100000"]),
    ]

    # when
    errors = [raised(question) for question in questions]
    broker.http.close()
    data.close()

    # then: neither the sentence, nor a local variable of any frame, of it or of its causes
    assert len(errors) == len(questions)
    canary.assert_not_in(*(text for error in errors for text in with_locals(error)))


def ways(alpaca: AlpacaControl, canary: Canary) -> tuple[AlpacaPaperBroker, AlpacaData]:
    keys = Credentials(SecretStr(canary.key_id), SecretStr(canary.secret))
    budget = RateBudget(elapsed_s, lambda: 0.0)
    http = AlpacaHttp(alpaca.url, keys, 0.3, budget)
    return AlpacaPaperBroker(http), AlpacaData(alpaca.url, keys, 0.3, budget)


def raised(question: Callable[[], object]) -> BaseException:
    with pytest.raises(BrokerError) as refusal:
        question()
    return refusal.value


def with_locals(error: BaseException | None) -> Iterator[str]:
    """Yield all that a crash report could show, but for the frames of this file."""
    while error is not None:
        yield repr(error) + str(vars(error))
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        yield from (str(frame.locals) for frame in frames if frame.filename != __file__)
        error = error.__cause__ or error.__context__
