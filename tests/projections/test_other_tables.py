from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from events.codec import Undecodable
from events.envelope import Origin
from events.identifiers import AccountName
from events.projection import ProjectionFailed, ProjectionSettled, Settlement
from events.recommendation import InstrumentType
from events.topics import DEAD_LETTERS as DEAD_LETTERS_TOPIC
from events.topics import PROJECTION_FAILURES, RECOMMENDATIONS
from projections.catalog import PROJECTIONS, projection_named
from projections.dead_letter import Headers
from projections.dead_letters import DEAD_LETTERS
from projections.executions import EXECUTIONS
from projections.failures import FAILURES, failure_id, settlement_id
from projections.record import read_record
from projections.runs import RUNS
from projections.status import STATUS
from tests.projections import story
from tests.projections.driving import fold, rows
from tests.projections.story import CODEC, NOW, OPTION, Log, advice, recommendation, record, records

RECOMMENDED = projection_named("recommendations")


def statuses(dsn: str) -> dict[int, str]:
    return {row["recommendation_id"]: row["status"] for row in rows(dsn, "recommendation_status")}


def test_advice_becomes_a_row_as_it_was_given(database: str) -> None:
    fold(
        database,
        RECOMMENDED,
        advice(
            recommendation(1),
            recommendation(2, option=OPTION, instrument_type=InstrumentType.CALL),
        ),
    )

    plain, option = rows(database, "dispatch_recommendations", "id")
    assert (plain["ts"], plain["created_at"]) == (NOW, NOW)
    assert (plain["confidence"], plain["vix"]) == (Decimal("0.812345678"), Decimal("18.5"))
    assert plain["reason"] == "momentum"
    assert plain["features_snapshot"] == {"rsi": 61.5}
    assert option["option_json"]["open_interest"] == 4000
    assert (option["option_symbol"], option["strike_price"]) == (OPTION.symbol, 400)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ('{"a": 1}', {"a": 1}),
        ("plain words", "plain words"),
        ("{half", "{half"),
        ('["\\u0000"]', '["\\u0000"]'),
        ('["\\ud800"]', '["\\ud800"]'),
        ("[1e999999]", "[1e999999]"),
        ("[NaN]", "[NaN]"),
        ('{"a": "\\ud800"}', '{"a": "\\ud800"}'),
        ('{"\\ud800": 1}', '{"\\ud800": 1}'),
        ('{"a": 1e999999}', '{"a": 1e999999}'),
        ('{"a": -1e999999}', '{"a": -1e999999}'),
        ('{"a": 1e-16383}', {"a": 0.0}),
        ('{"a": 1e-16384}', '{"a": 1e-16384}'),
        ('[{"a": 0E-99999999999999999999}]', '[{"a": 0E-99999999999999999999}]'),
        (f'{{"a": 0.{"1" * 16384}}}', f'{{"a": 0.{"1" * 16384}}}'),
        ("[0e9999999999]", "[0e9999999999]"),
        ('{"a": 0e9999999999}', '{"a": 0e9999999999}'),
        ('{"a": 1e999999, "a": 1}', '{"a": 1e999999, "a": 1}'),
        ('{"a": NaN, "a": 1}', '{"a": NaN, "a": 1}'),
        ('{"a": 0.0, "b": "of: two"}', {"a": 0.0, "b": "of: two"}),
        ('{"a": "size-20000"}', {"a": "size-20000"}),
        ('{"a": NaN}', '{"a": NaN}'),
        ('{"a": {"b": NaN}}', '{"a": {"b": NaN}}'),
        ('{"NaN": 1.5, "b": null, "c": true}', {"NaN": 1.5, "b": None, "c": True}),
        ('["\\ud83d\\ude00"]', ["😀"]),
    ],
)
def test_whatever_a_snapshot_holds_it_is_no_reason_to_refuse_the_advice(
    database: str, text: str, stored: object
) -> None:
    driver = fold(database, RECOMMENDED, advice(recommendation(1, features_snapshot=text)))

    assert driver.failures.heard == []
    assert rows(database, "dispatch_recommendations")[0]["features_snapshot"] == stored


def test_nonsense_and_unreadable_advice_hold_up_no_other(database: str) -> None:
    good = CODEC.encode(recommendation(2))
    nonsense = CODEC.encode(recommendation(1, reference_price=Decimal(-1)))
    topic = RECOMMENDATIONS.name
    read = [record(topic, n, value) for n, value in enumerate([nonsense, b"\x07junk", None, good])]

    driver = fold(database, RECOMMENDED, read)

    assert driver.failures.heard == []
    assert [row["id"] for row in rows(database, "dispatch_recommendations")] == [2]


def test_the_first_of_two_recommendations_with_one_id_stays(database: str) -> None:
    fold(
        database, RECOMMENDED, advice(recommendation(1), recommendation(1, reason="another story"))
    )

    assert [row["reason"] for row in rows(database, "dispatch_recommendations")] == ["momentum"]


def test_every_recommendation_has_one_status_per_account(database: str) -> None:
    log = Log(AccountName("tiny"))
    for number in (1, 2, 3, 4, 6, 7, 8, 9):
        log.intended(number)
    log.accepted(2)
    log.unknown(3)
    log.filled(4, "4", "100")
    log.canceled(4, filled="4")
    log.declined(5)
    log.rejected(6)
    log.canceled(7)
    log.expired(8)
    log.failed(9, order=True)
    log.failed(10)

    fold(database, STATUS, log.records())

    assert statuses(database) == {
        1: "pending",
        2: "accepted",
        3: "unresolved",
        4: "executed",
        5: "declined",
        6: "rejected",
        7: "expired",
        8: "expired",
        9: "failed",
        10: "failed",
    }


def test_a_status_tells_why_and_shows_every_gate(database: str) -> None:
    log = Log(AccountName("tiny"))
    log.declined(1)
    log.failed(2)

    fold(database, STATUS, log.records())

    declined, failed = rows(database, "recommendation_status")
    assert declined["failure_reason"] == "confidence: 0.81 against 0.35"
    assert declined["declined_by"] == ["confidence"]
    assert [gate["verdict"] for gate in declined["gates"]] == ["PASSED", "DECLINED"]
    assert declined["decided_at"] == NOW
    assert failed["failure_reason"] == "ZeroDivisionError: division by zero"


def test_the_first_end_stays_and_an_accepted_order_that_had_filled_stays_executed(
    database: str,
) -> None:
    log = Log(AccountName("tiny"))
    log.intended(1)
    log.failed(1, order=True)
    log.rejected(1)
    log.intended(2)
    log.filled(2, "4", "100")
    log.accepted(2)

    fold(database, STATUS, log.records())

    assert statuses(database) == {1: "failed", 2: "executed"}


def test_two_accounts_have_two_statuses_of_one_recommendation(database: str) -> None:
    tiny, large = Log(AccountName("tiny")), Log(AccountName("large"))
    tiny.declined(1)
    large.intended(1)
    large.filled(1, "10", "100")

    fold(database, STATUS, [*tiny.records(), *large.records()])

    found = {row["account_name"]: row["status"] for row in rows(database, "recommendation_status")}
    assert found == {"tiny": "declined", "large": "executed"}


def test_failures_of_every_kind_say_what_went_wrong_and_where(database: str) -> None:
    log = Log(AccountName("tiny"))
    log.failed(1)
    log.rejected(2)
    log.incident()

    fold(database, FAILURES, log.records())

    found = {row["kind"]: row for row in rows(database, "dispatch_failures")}
    assert found["recommendation_failed"]["error"] == "ZeroDivisionError: division by zero"
    assert found["recommendation_failed"]["stage"] == "DECIDE"
    assert found["order_rejected"]["code"] == "403 40310000"
    assert found["order_rejected"]["error"] == "insufficient buying power"
    assert found["incident"]["stage"] == "stray_order"
    assert {row["log_topic"] for row in found.values()} == {"dispatch.events.tiny"}


def projection_failed(offset: int) -> ProjectionFailed:
    origin = Origin(topic="dispatch.events.tiny", partition=0, offset=offset)
    return ProjectionFailed(
        event_id=failure_id("executions", origin),
        projection="executions",
        account_name="tiny",
        topic=origin.topic,
        partition=0,
        offset=offset,
        event_type="OrderFilled",
        sqlstate="23514",
        error="CheckViolation: no",
        occurred_at=NOW,
        build="test",
    )


def projection_settled(offset: int) -> ProjectionSettled:
    origin = Origin(topic="dispatch.events.tiny", partition=0, offset=offset)
    return ProjectionSettled(
        event_id=settlement_id("executions", origin),
        projection="executions",
        account_name="tiny",
        topic=origin.topic,
        partition=0,
        offset=offset,
        settlement=Settlement.RETRIED,
        reason="applied after all",
        by="ann",
        occurred_at=NOW,
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_a_settlement_closes_the_failure_it_is_about_whichever_comes_first(
    database: str,
    backwards: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    told: list[Any] = [projection_failed(7), projection_failed(9), projection_settled(7)]
    told = told[::-1] if backwards else told

    fold(database, FAILURES, records(PROJECTION_FAILURES.name, told))

    open_failure, settled = sorted(
        rows(database, "dispatch_failures"), key=lambda row: row["failed_offset"], reverse=True
    )
    assert (open_failure["failed_offset"], open_failure["settlement"]) == (9, None)
    assert (settled["failed_offset"], settled["settlement"]) == (7, "RETRIED")
    assert (settled["settled_by"], settled["error"]) == ("ann", "CheckViolation: no")


def test_a_dead_letter_keeps_its_bytes_and_says_where_it_came_from(database: str) -> None:
    headers = (
        ("dlq.reason", b"undecodable"),
        ("dlq.source.topic", b"recommendations"),
        ("dlq.source.partition", b"0"),
        ("dlq.source.offset", b"4711"),
        ("dlq.account", b"tiny"),
        ("dlq.error", b"starts with byte 0xff"),
        ("dlq.at", b"2026-03-02T15:00:00.123456+00:00"),
    )
    origin = Origin(topic=DEAD_LETTERS_TOPIC.name, partition=0, offset=3)
    letter = read_record(CODEC, origin, key=None, value=b"\xff\x00\n\\", headers=headers)

    fold(database, DEAD_LETTERS, [letter])

    [row] = rows(database, "dead_letters")
    assert (row["value"], row["key"]) == (b"\xff\x00\n\\", None)
    assert (row["account_name"], row["reason"]) == ("tiny", "undecodable")
    assert (row["source_topic"], row["source_partition"], row["source_offset"]) == (
        "recommendations",
        0,
        4711,
    )
    assert row["refused_at"] == datetime(2026, 3, 2, 15, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("dlq.source.offset", b"many"), ("dlq.at", b"yesterday"), ("dlq.account", None)),
        (("dlq.source.offset", b"9" * 40), ("dlq.reason", b"\x00\xff"), ("x", b"\xff")),
    ],
)
def test_no_header_can_make_a_dead_letter_fail(database: str, headers: Headers) -> None:
    origin = Origin(topic=DEAD_LETTERS_TOPIC.name, partition=0, offset=0)
    letter = read_record(CODEC, origin, key=b"", value=None, headers=headers)

    driver = fold(database, DEAD_LETTERS, [letter])

    assert driver.failures.heard == []
    [row] = rows(database, "dead_letters")
    assert (row["source_offset"], row["refused_at"]) == (None, None)


def test_a_run_has_its_counts_once_it_stopped(database: str) -> None:
    log = Log(AccountName("tiny"))
    log.started()
    log.stopped()

    fold(database, RUNS, log.records())

    [row] = rows(database, "dispatcher_runs")
    assert (row["account_name"], row["run_id"]) == ("tiny", story.RUN)
    assert (row["pulled_count"], row["processed_count"], row["skipped_count"]) == (9, 9, 5)
    assert (row["intended_count"], row["failed_count"]) == (3, 1)
    assert row["run_config_json"] == {"max_open_positions": 5}
    assert row["started_at"] == NOW


def test_a_record_of_another_account_cannot_be_read_in_a_log() -> None:
    log = Log(AccountName("tiny"))
    log.intended(1)

    stranger = record("dispatch.events.large", 0, CODEC.encode(log.events[0]))

    assert stranger.event is None
    assert stranger.unreadable == "OrderIntended names account 'tiny' in the log of 'large'"


def test_advice_has_no_place_in_a_log() -> None:
    misplaced = record("dispatch.events.tiny", 0, CODEC.encode(recommendation(1)))

    assert misplaced.unreadable == "RecommendationIssued has no place in an account's log"


def test_every_table_belongs_to_one_projection() -> None:
    tables = [table for projection in PROJECTIONS for table in projection.tables]

    assert len(tables) == len(set(tables))
    assert projection_named("executions") is EXECUTIONS
    with pytest.raises(KeyError, match="there is no projection 'positions'; there are executions"):
        projection_named("positions")


def test_junk_is_undecodable_in_the_first_place() -> None:
    with pytest.raises(Undecodable):
        CODEC.decode(b"\x07junk")
