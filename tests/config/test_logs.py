import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from uuid import UUID

import pytest
import structlog

from consumers.logs import configure_logs, get_log


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


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
