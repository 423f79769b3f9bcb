import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, DivisionByZero
from io import StringIO
from uuid import UUID

import pytest
import structlog

from consumers.logs import LogFormat, bind_run, configure_logs, get_log


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    before = structlog.get_config()
    structlog.contextvars.clear_contextvars()  # a dispatcher may have run in this process
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def test_a_line_is_a_timestamp_an_event_and_its_data() -> None:
    stream = StringIO()
    configure_logs(stream)

    get_log(account_name="tiny").info(
        "recommendations_claimed",
        count=3,
        price=Decimal("1.50"),
        run_id=UUID(int=1),
        at=datetime(2026, 1, 1, tzinfo=UTC),
        gates={"b", "a"},
    )

    line = json.loads(stream.getvalue())
    assert list(line) == ["timestamp", "event", "data"]
    assert line["event"] == "recommendations_claimed"
    assert line["data"] == {
        "account_name": "tiny",
        "count": 3,
        "price": "1.50",
        "run_id": "00000000-0000-0000-0000-000000000001",
        "at": "2026-01-01T00:00:00+00:00",
        "gates": ["a", "b"],
        "level": "info",
    }


def test_every_line_is_one_line() -> None:
    stream = StringIO()
    configure_logs(stream)

    get_log().error("processing_error", error="first\nsecond")

    assert stream.getvalue().count("\n") == 1


def test_a_quiet_command_says_errors_only() -> None:
    stream = StringIO()
    configure_logs(stream, least="error")

    get_log().warning("kafka_unavailable")
    get_log().error("processing_error")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "processing_error"
    ]


def test_a_reader_at_a_terminal_gets_plain_lines() -> None:
    stream = StringIO()
    configure_logs(stream, log_format=LogFormat.CONSOLE)
    bind_run(UUID(int=1), account_name="tiny")

    get_log().warning("processing_error", error="two words", count=3, price=Decimal("1.50"))

    line = stream.getvalue()
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert line[20:].rstrip() == (
        "warning  processing_error account_name=tiny count=3 "
        f'dispatcher_run_id={UUID(int=1)} error="two words" price=1.50'
    )


def test_a_bug_keeps_its_traceback_in_both_formats() -> None:
    for log_format in LogFormat:
        stream = StringIO()
        configure_logs(stream, log_format=log_format)

        try:
            Decimal(1) / 0
        except DivisionByZero:
            get_log().exception("processing_error")

        assert "DivisionByZero" in stream.getvalue()


def test_the_run_stands_on_every_line() -> None:
    stream = StringIO()
    configure_logs(stream)
    bind_run(UUID(int=1), account_name="tiny")

    get_log().info("seat_taken")
    get_log(account_name="large-default").info("seat_taken")

    first, second = (json.loads(line)["data"] for line in stream.getvalue().splitlines())
    assert first == {
        "account_name": "tiny",
        "dispatcher_run_id": str(UUID(int=1)),
        "level": "info",
    }
    assert second["account_name"] == "large-default"
