import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from consumers.dispatcher.telling import tell
from consumers.logs import configure_logs
from events.catalog import LogEvent
from tests.builders import a_decline, a_failure, a_halt
from tests.order_builders import (
    a_cancellation,
    a_fill,
    a_rejection,
    a_resend,
    an_acceptance,
    an_expiry,
    an_intent,
    an_unknown_outcome,
)

INTENT = an_intent()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def _told(event: LogEvent, *, simulated: bool = True) -> list[dict[str, Any]]:
    stream = StringIO()
    configure_logs(stream)
    tell(event, simulated=simulated)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_intent_is_one_line_with_the_verdict_of_every_gate() -> None:
    [line] = _told(INTENT)

    assert line["event"] == "gates_evaluated"
    assert line["data"]["decided"] == "intended"
    assert line["data"]["gates"] == {gate.gate: gate.verdict for gate in INTENT.gates}


def test_a_decline_names_the_gates_that_said_so() -> None:
    decline = a_decline()

    gates, skipped = _told(decline)

    assert (gates["event"], gates["data"]["decided"]) == ("gates_evaluated", "declined")
    assert skipped["event"] == "recommendation_skipped"
    assert skipped["data"]["declined_by"] == list(decline.declined_by)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (a_fill(INTENT), "execution_simulated"),
        (a_failure(), "processing_error"),
        (a_rejection(INTENT), "order_rejected"),
        (a_resend(INTENT), "order_resent"),
        (an_unknown_outcome(INTENT), "order_outcome_unknown"),
        (a_cancellation(INTENT), "order_ended"),
        (an_expiry(INTENT), "order_ended"),
        (a_halt(), "account_halted"),
    ],
    ids=lambda one: one.replace("_", " ") if isinstance(one, str) else type(one).__name__,
)
def test_every_change_is_one_line_that_says_what_it_belongs_to(event: LogEvent, name: str) -> None:
    [line] = _told(event)

    assert line["event"] == name
    assert line["data"]["account_name"] == event.envelope.account_name
    assert line["data"]["recommendation_id"] == event.envelope.recommendation_id
    assert line["data"]["correlation_id"] == event.envelope.correlation_id


def test_a_failure_names_its_recommendation_its_ticker_and_what_went_wrong() -> None:
    failure = a_failure()

    [line] = _told(failure)

    assert (line["event"], line["data"]["level"]) == ("processing_error", "error")
    assert line["data"]["recommendation_id"] == failure.envelope.recommendation_id
    assert line["data"]["ticker"] == failure.ticker
    assert line["data"]["error"] == failure.error != ""


def test_a_real_execution_is_not_called_simulated() -> None:
    [line] = _told(a_fill(INTENT), simulated=False)

    assert line["event"] == "execution_executed"


def test_what_every_order_goes_through_is_not_worth_a_line() -> None:
    assert _told(an_acceptance(INTENT)) == []
