"""A Kafka that is gone is said once, and now and then; never forty times a second."""

import json
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog
from confluent_kafka import KafkaError

from consumers.kafka_log import SAID_AGAIN_S, Seldom, kafka_client_log, say_unavailable
from consumers.logs import configure_logs
from tests.clocks import HandMovedClock


@pytest.fixture
def lines() -> Iterator[StringIO]:
    before = structlog.get_config()
    stream = StringIO()
    configure_logs(stream)
    yield stream
    structlog.configure(**before)


def said(lines: StringIO) -> list[dict[str, object]]:
    return [json.loads(line)["data"] for line in lines.getvalue().splitlines()]


def gone(port: int, after_ms: int) -> KafkaError:
    reason = f"127.0.0.1:{port}: Connection refused (after {after_ms}ms in state CONNECT)"
    return KafkaError(KafkaError._TRANSPORT, reason)  # noqa: SLF001 -- a public code


def test_what_is_said_again_and_again_is_told_every_ten_seconds_with_how_often_it_was(
    lines: StringIO,
) -> None:
    clock = HandMovedClock()
    seldom = Seldom(clock.elapsed_s)

    for turn in range(400):
        clock.seconds = turn * SAID_AGAIN_S / 200
        say_unavailable(gone(9092, turn % 3), seldom)

    assert [data.get("times_since") for data in said(lines)] == [None, 199]


def test_another_broker_is_told_at_once(lines: StringIO) -> None:
    seldom = Seldom(HandMovedClock().elapsed_s)

    for port in (9092, 9093, 9092):
        say_unavailable(gone(port, 0), seldom)

    assert [str(data["error"])[:14] for data in said(lines)] == ["127.0.0.1:9092", "127.0.0.1:9093"]


def test_what_never_comes_again_is_not_remembered_for_ever() -> None:
    seldom = Seldom(HandMovedClock().elapsed_s)

    found = [seldom.kept_back(f"port {port}") for port in range(10_000)]

    assert set(found) == {0}
    assert len(vars(seldom)["_said"]) <= 256


def test_librdkafkas_own_words_are_kept_back_alike(lines: StringIO) -> None:
    log = kafka_client_log()

    for turn in range(50):
        log.error("FAIL [thrd:x:1/7]: refused (after %dms in state CONNECT)", turn)

    [data] = said(lines)
    assert data["message"] == "FAIL [thrd:x:1/7]: refused (after 0ms in state CONNECT)"
    assert data["level"] == "error"
