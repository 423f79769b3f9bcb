"""What a projection does not read is not decoded, and what is written faster reads the same."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.account import DispatcherStarted
from events.catalog import EVENTS, LOG_EVENTS
from events.decision import GateResult, RecommendationDeclined, Verdict
from events.envelope import Origin
from events.identifiers import AccountName
from events.order import OrderIntended
from projections.accounts import ACCOUNTS
from projections.apply import Unreadable, rows_of
from projections.catalog import PROJECTIONS
from projections.executions import EXECUTIONS
from projections.projection import Readable, events_read
from projections.record import Record, read_on, read_record
from projections.stage import Row
from projections.status import STATUS
from projections.texts import gates_json
from tests.projections.driving import Driver, rows
from tests.projections.story import CODEC, Log
from tests.schemas.examples import example

WANTED = events_read([EXECUTIONS])
GATES = st.builds(
    GateResult,
    gate=st.text(),
    verdict=st.sampled_from(Verdict),
    reason=st.text(),
    observed=st.text(),
    threshold=st.text(),
)


def read_for_executions(log: Log, values: list[bytes]) -> list[Record]:
    return [
        read_record(
            CODEC,
            Origin(topic=log.topic, partition=0, offset=offset),
            key=None,
            value=value,
            headers=(),
            wanted=WANTED,
        )
        for offset, value in enumerate(values)
    ]


def test_a_projection_that_names_what_it_reads_makes_nothing_of_anything_else() -> None:
    origin = Origin(topic="dispatch.events.tiny", partition=0, offset=0)

    for projection in PROJECTIONS:
        for kind in EVENTS:
            made = list(projection.rows(example(kind), origin))
            assert not made or kind in projection.events


def test_what_any_projection_reads_is_decoded_once_for_all() -> None:
    assert RecommendationDeclined not in EXECUTIONS.events
    assert RecommendationDeclined in STATUS.events

    read = events_read([EXECUTIONS, STATUS])

    assert read == EXECUTIONS.events | STATUS.events
    assert DispatcherStarted not in read


def test_the_accounts_are_summed_up_from_every_event_of_their_logs() -> None:
    assert frozenset(LOG_EVENTS) == ACCOUNTS.events


def test_a_projection_is_not_shown_what_only_its_neighbour_reads(database: str) -> None:
    log = Log(AccountName("tiny"))
    log.declined(1)
    log.intended(2)
    [declined, intended] = log.records()
    assert declined.event is not None
    shown: list[type] = []

    def rows_of(event: Readable, _origin: Origin) -> list[Row]:
        shown.append(type(event))
        return []

    driver = Driver(database, replace(EXECUTIONS, rows=rows_of))
    applied = driver.apply([declined, intended])
    driver.close()

    assert shown == [OrderIntended]
    assert (applied.applied, applied.failed) == (2, 0)


def test_a_decline_is_passed_over_and_the_order_after_it_applied(database: str) -> None:
    log = Log(AccountName("tiny"))
    log.declined(1)
    log.intended(2)
    log.filled(2, "10", "100")
    records = read_for_executions(log, [CODEC.encode(event) for event in log.events])

    driver = Driver(database, EXECUTIONS)
    applied = driver.apply(records)
    driver.close()

    assert records[0].event is None
    assert records[0].event_type == "RecommendationDeclined"
    assert applied.failed == 0
    [row] = rows(database, "dispatch_executions")
    assert row["recommendation_id"] == 2
    assert rows(database, "projection_checkpoints")[0]["next_offset"] == 3


def test_bytes_that_name_no_event_are_parked_even_where_little_is_read(database: str) -> None:
    log = Log(AccountName("tiny"))
    log.intended(1)
    log.declined(2)
    whole = [CODEC.encode(event) for event in log.events]
    records = read_for_executions(log, [b"\xff", whole[0][:-3], *whole])

    driver = Driver(database, EXECUTIONS)
    applied = driver.apply(records)
    driver.close()

    assert (applied.failed, applied.waiting) == (1, 3)
    parked = rows(database, "parked_events", "log_offset")
    assert [row["event_type"] for row in parked] == [
        None,
        None,
        "OrderIntended",
        "RecommendationDeclined",
    ]


def test_damage_to_an_event_that_a_projection_does_not_read_is_none_of_its_business() -> None:
    log = Log(AccountName("tiny"))
    log.declined(1)
    origin = Origin(topic=log.topic, partition=0, offset=0)
    torn = CODEC.encode(log.events[0])[:-3]
    among_all = read_record(CODEC, origin, key=None, value=torn, headers=())
    [for_executions] = read_for_executions(log, [torn])

    assert among_all.unreadable is not None
    assert for_executions.unreadable is None
    assert rows_of(EXECUTIONS, among_all) == rows_of(EXECUTIONS, for_executions) == []
    with pytest.raises(Unreadable, match="damaged RecommendationDeclined"):
        rows_of(STATUS, among_all)


def test_what_was_passed_over_for_the_first_projection_is_decoded_for_the_others() -> None:
    log = Log(AccountName("tiny"))
    log.declined(1)
    log.intended(2)
    [declined, intended] = read_for_executions(log, [CODEC.encode(event) for event in log.events])

    with pytest.raises(RuntimeError, match="RecommendationDeclined was not decoded for 'status'"):
        rows_of(STATUS, declined)

    assert read_on(CODEC, declined, STATUS.events).event == log.events[0]
    assert read_on(CODEC, declined, WANTED) is declined
    assert read_on(CODEC, intended, STATUS.events) is intended


@given(st.lists(GATES, max_size=4))
def test_gates_are_the_json_that_any_reader_takes(gates: list[GateResult]) -> None:
    told = json.loads(gates_json(tuple(gates)))

    assert told == [
        {
            "gate": gate.gate.replace("\0", "\ufffd"),
            "verdict": gate.verdict.value,
            "reason": gate.reason.replace("\0", "\ufffd"),
            "observed": gate.observed.replace("\0", "\ufffd"),
            "threshold": gate.threshold.replace("\0", "\ufffd"),
        }
        for gate in gates
    ]
