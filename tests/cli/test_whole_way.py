"""One way through everything, by commands alone; then the logs are asked about it."""

import json
from pathlib import Path

import pytest

from tests.cli.advice import BOUGHT, DOUBTED
from tests.cli.running import Command


def test_a_run_says_on_stderr_what_it_does_as_json_lines(traded: Command) -> None:
    answer = traded("accounts", "run", "large-default", "--until-caught-up", "--json")

    assert answer.code == 0
    assert answer.data["recommendations_read"] == 0
    events = [json.loads(one)["event"] for one in answer.err.splitlines()]
    assert events[0] == "dispatcher_start"
    assert events[-1] == "dispatcher_shutdown"


def test_a_projector_says_on_stderr_what_it_keeps_and_what_came_of_it(traded: Command) -> None:
    answer = traded("projections", "run", "--until-caught-up", "--json")

    assert answer.code == 0
    lines = [json.loads(one) for one in answer.err.splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["projector_start", "projector_shutdown"]
    began, ended = lines[0]["data"], lines[-1]["data"]
    assert set(began["projections"]) >= {"executions", "accounts"}
    assert began["build"] == traded("version", "--json").data["dispatcher"]
    assert began["dispatcher_run_id"] == ended["dispatcher_run_id"]
    assert ended["records"] == answer.data["progress"]["records"]
    assert (ended["parked"], ended["waiting"]) == (0, 0)


def test_a_story_shows_gates_order_and_fill_with_their_offsets(traded: Command) -> None:
    answer = traded("recommendations", "show", str(BOUGHT))

    assert answer.code == 0
    assert "Account large-default: executed" in answer.out
    assert "Account tiny: not decided yet" in answer.out
    assert "Nothing is decided: it has never run." in answer.out
    assert "Bought 24 MSFT at 100.300125 on average, 2,407.20 in all." in answer.out
    assert "confidence" in answer.out
    assert max(len(one) for one in answer.out.splitlines()) <= 80


def test_a_story_as_json_has_every_event_in_the_logs_order(traded: Command) -> None:
    story = traded("recommendations", "show", str(BOUGHT), "--json").data

    assert [one["offset"] for one in story["issued"]] == [0]
    told = story["accounts"]["large-default"]
    assert [one["type"] for one in told] == ["OrderIntended", "OrderAccepted", "OrderFilled"]
    assert [one["offset"] for one in told] == sorted(one["offset"] for one in told)
    assert all(one["event"]["envelope"]["recommendation_id"] == BOUGHT for one in told)
    assert story["accounts"]["tiny"] == []


def test_a_declined_recommendation_names_its_gates(traded: Command) -> None:
    answer = traded("recommendations", "show", str(DOUBTED))

    assert "Account large-default: declined" in answer.out
    assert "by confidence" in answer.out
    told = " ".join(answer.out.split())
    assert "Nothing was ordered: confidence declined, not sure enough" in told
    assert "(0.1; asked for: at least 0.35)" in told


def test_a_story_in_short_says_how_long_each_step_took_and_from_which_state_it_was_decided(
    traded: Command,
) -> None:
    story = traded("recommendations", "show", str(BOUGHT), "--account", "large-default", "--json")

    assert list(story.data["accounts"]) == ["large-default"]
    short = story.data["in_short"]["large-default"]
    assert [one["step"] for one in short["steps"]] == ["issued", "intended", "accepted", "filled"]
    assert [one["after_s"] for one in short["steps"]] == [None, "0", "0", "0"]
    [first, *_] = story.data["accounts"]["large-default"]
    assert short["seen"]["log"] == first["offset"]
    told = " ".join(traded("recommendations", "show", str(BOUGHT)).out.split())
    assert f"`dispatcher accounts show large-default --as-of {first['offset']}`" in told


def test_a_decision_is_taken_again_from_what_it_had_seen(traded: Command) -> None:
    answer = traded("recommendations", "show", str(BOUGHT), "--again")

    assert answer.code == 0
    assert answer.out.count("Decided again from what it had seen: the same to the byte.") == 1
    found = traded("recommendations", "show", str(DOUBTED), "--again", "--json").data["again"]
    assert found == {"large-default": {"to_the_byte": True, "gates": [], "fault": None}}


def test_a_story_has_its_rows_and_does_without_them_where_postgresql_is_down(
    traded: Command,
) -> None:
    down = {"DISPATCHER__POSTGRES__DSN": "postgresql://somebody:hush@127.0.0.1:9/nothing"}

    up = traded("recommendations", "show", str(BOUGHT), "--json").data["tables"]
    without = traded("recommendations", "show", str(BOUGHT), environ=down)

    assert [one["status"] for one in up["status"]] == ["executed"]
    assert [one["qty"] for one in up["executions"]] == ["24"]
    assert up["fault"] is None
    assert without.code == 0
    assert "What the tables have is not known: PostgreSQL gives no answer" in without.out
    assert "hush" not in without.out
    assert "Account large-default: executed" in without.out


def test_a_recommendation_that_nobody_issued_is_not_found(traded: Command) -> None:
    answer = traded("recommendations", "show", "999")

    assert answer.code == 5
    assert "recommendation 999" in answer.sentence


def test_an_account_is_shown_as_its_log_tells_it(traded: Command) -> None:
    shown = traded("accounts", "show", "large-default", "--json").data["log"]

    assert shown["ends"] == {"executed": 1, "declined": 1, "rejected": 0, "expired": 0, "failed": 0}
    [position] = shown["positions"]
    assert position["symbol"] == "MSFT"
    assert shown["trading"]["status"] == "ACTIVE"
    text = traded("accounts", "show", "large-default").out
    assert "1 executed, 1 declined" in text
    assert max(len(one) for one in text.splitlines()) <= 80


def test_an_account_says_what_it_may_do_what_it_has_used_and_who_runs_it(traded: Command) -> None:
    shown = traded("accounts", "show", "large-default", "--json").data

    limits = {one["limit"]: one for one in shown["log"]["limits"]}
    assert limits["max_open_positions"] == {
        "limit": "max_open_positions",
        "used": 1,
        "allowed": 5,
        "free": 4,
    }
    exposure = limits["max_notional_exposure"]
    assert exposure["used"] == shown["log"]["exposure"] == shown["log"]["held_cost"]
    assert shown["log"]["limits_differing"] == {}
    assert (shown["seat"]["holder"], shown["undecided"]) == (None, 0)
    assert shown["waits_for"] is None
    [position] = shown["log"]["positions"]
    assert position["last_price"] == position["average_price"] == "100.300125"
    assert (position["value"], position["open_pnl"]) == (position["cost"], "0")
    text = traded("accounts", "show", "large-default").out
    assert "P&L of 2022-03-16" in text
    assert ["Seat", "nobody"] in [one.split() for one in text.splitlines()]


def test_a_configuration_that_its_last_run_did_not_have_is_told_apart(traded: Command) -> None:
    changed = {"DISPATCHER__ACCOUNTS__LARGE_DEFAULT__LIMITS__MAX_OPEN_POSITIONS": "3"}

    shown = traded("accounts", "show", "large-default", "--json", environ=changed).data

    assert shown["log"]["limits_differing"] == {
        "max_open_positions": {"run": 5, "configuration": 3}
    }
    assert shown["log"]["limits"][0]["allowed"] == 5  # what it decides under, until it runs again
    text = traded("accounts", "show", "large-default", environ=changed).out
    assert "max_open_positions: 5 in its last run, 3 in the configuration" in text


def test_an_account_is_shown_as_it_was(traded: Command) -> None:
    story = traded("recommendations", "show", str(BOUGHT), "--json").data
    [intended, *_] = story["accounts"]["large-default"]
    seen = intended["event"]["seen"]["log"]

    before = traded("accounts", "show", "large-default", "--as-of", str(seen), "--json").data
    earlier = traded(
        "accounts", "show", "large-default", "--as-of", "2022-03-16T14:59:59Z", "--json"
    ).data
    after = traded("accounts", "show", "large-default", "--as-of", "2022-03-16T11:00:00-04:00")

    assert (before["log"]["next_offset"], before["log"]["decided"]) == (seen, 0)
    assert before["seat"] is None
    assert earlier["log"] is None
    assert "1 executed, 1 declined" in after.out
    assert "as of 2022-03-16 15:00:00" in " ".join(after.out.split())


@pytest.mark.parametrize(
    ("point", "code", "words"),
    [
        ("2022-03-16T14:59:59", 2, "says no zone"),
        ("yesterday", 2, "write a time such as"),
        ("999999", 5, "the log of large-default ends at offset"),
    ],
)
def test_a_point_that_is_none_is_refused(
    traded: Command, point: str, code: int, words: str
) -> None:
    answer = traded("accounts", "show", "large-default", "--as-of", point)

    assert answer.code == code
    assert words in answer.err


def test_accounts_are_listed_and_one_that_never_ran_says_so(traded: Command) -> None:
    found = {one["name"]: one for one in traded("accounts", "list", "--json").data}

    assert found["large-default"]["log"]["open_positions"] == 1
    assert found["tiny"]["log"] is None
    text = traded("accounts", "list").out
    assert "never run" in text
    assert "active" in text


def test_checks_that_find_nothing_end_with_0(traded: Command) -> None:
    assert traded("topics", "check", "--json").data == {"findings": []}
    assert traded("schemas", "check", "--json").data["findings"] == []


def test_a_configuration_may_lie_anywhere(traded: Command, tmp_path: Path) -> None:
    file = traded.directory / "dispatcher.toml"

    answer = Command(tmp_path)("topics", "check", "--config", str(file))

    assert answer.code == 0
