"""The demo as a newcomer runs it: the real command, on servers that it starts itself."""

import json
import subprocess
import sys
from typing import Any

import pytest

ACCOUNTS = ("large-default", "tiny")


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "demo", "--from", "2021-01-04", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=840,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_everything_issued_has_one_end_in_the_log_as_in_the_tables(played: dict[str, Any]) -> None:
    for facts in played["final"]:
        log = facts["from_log"]
        ends = ("executed", "declined", "rejected", "expired", "failed", "dead_lettered")
        assert log["issued"] == sum(log[end] for end in ends)
        assert log["pending"] == 0
        assert facts["from_tables"] == log
        assert facts["executions_in_table"] == log["executed"] == facts["orders_in_ledger"]


def test_both_accounts_trade_and_at_least_four_gates_decline(played: dict[str, Any]) -> None:
    assert [facts["account"] for facts in played["final"]] == list(ACCOUNTS)
    for facts in played["final"]:
        assert facts["from_log"]["executed"] > 30
        assert len(facts["declined_by"]) >= 4


def test_exposure_stays_within_its_limit(played: dict[str, Any]) -> None:
    for facts in played["final"]:
        assert 0 < float(facts["peak_exposure"]) <= float(facts["exposure_limit"])


def test_a_broken_column_stops_one_accounts_rows_and_nothing_else(played: dict[str, Any]) -> None:
    act = played["broken_projection"]

    assert act["executed_meanwhile"] > 0
    assert act["rows_of_tiny_while_broken"] == 0
    assert act["rows_of_large_while_broken"] > 0
    assert "CheckViolation" in act["failure_in_kafka"]
    assert act["parked"] > 0
    assert act["rows_of_tiny_after_retry"] == act["executed_meanwhile"]


def test_a_killed_dispatcher_loses_and_repeats_nothing(played: dict[str, Any]) -> None:
    act = played["killed_dispatcher"]

    assert 0 < act["decided_when_killed"] < act["recommendations"]
    assert act["without_end"] == 0
    assert act["intended_twice"] == 0
    assert act["orders_in_ledger"] == act["orders_filled_in_log"]


def test_dropped_tables_come_back_and_an_edited_row_is_named(played: dict[str, Any]) -> None:
    act = played["rebuilt_tables"]

    assert act["tables_made_again"] == act["tables"]
    assert act["rows_before"] == act["rows_after"] > 1000
    assert act["same_to_the_byte"]
    assert act["differences_after"] == 0
    [sentence] = act["found"]
    assert f"recommendation_id={act['edited_recommendation']}, account_name=tiny" in sentence
    assert "entry_price is " in sentence
    assert act["rows_put_right"] == 1
