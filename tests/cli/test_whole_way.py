"""One way through everything, by commands alone; then every question is asked about it."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from tests.cli.advice import line, lines
from tests.cli.running import Command, Place
from tests.services import Services

BOUGHT, DOUBTED, NONSENSE = 11, 12, 13


@pytest.fixture(scope="module")
def traded(
    services: Services,
    make_database: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Command:
    """Two accounts that have seen one good, one doubtful and one undecodable recommendation."""
    place = Place(
        services.bootstrap_servers,
        services.registry_url,
        make_database(),
        f"t{uuid4().hex[:12]}.",
    )
    dispatcher = place.at(tmp_path_factory.mktemp("traded"))
    advice = lines(line(BOUGHT), line(DOUBTED, ticker="AAPL", confidence="0.1"))
    _done(dispatcher, "topics", "apply")
    _done(dispatcher, "schemas", "register")
    _done(dispatcher, "migrate")
    _done(dispatcher, "recommendations", "publish", "-", stdin=advice)
    producer = Producer({"bootstrap.servers": place.bootstrap_servers})
    producer.produce(f"{place.prefix}recommendations", b"no event")
    assert producer.flush(30) == 0
    _done(dispatcher, "accounts", "run", "large-default", "--until-caught-up")
    _done(dispatcher, "projections", "run", "--until-caught-up")
    return dispatcher


def _done(dispatcher: Command, *arguments: str, stdin: str = "") -> None:
    answer = dispatcher(*arguments, stdin=stdin)
    assert answer.code == 0, answer.err


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


def test_an_execution_is_listed_from_the_tables(traded: Command) -> None:
    [one] = traded("executions", "list", "--json").data

    assert (one["recommendation_id"], one["account_name"]) == (BOUGHT, "large-default")
    assert "MSFT" in traded("executions", "list", "--account", "large-default").out
    assert traded("executions", "list", "--account", "tiny", "--json").data == []


def test_executions_and_holdings_are_listed_as_they_were_from_the_log_alone(
    traded: Command,
) -> None:
    story = traded("recommendations", "show", str(BOUGHT), "--json").data
    filled = next(
        one["offset"] for one in story["accounts"]["large-default"] if one["type"] == "OrderFilled"
    )
    no_database = {"DISPATCHER__POSTGRES__DSN": "postgresql://nobody@127.0.0.1:9/nothing"}
    mine = ("--account", "large-default", "--json")

    for noun, table in (("executions", ()), ("positions", ("--tables",))):
        before = traded(noun, "list", *mine, "--as-of", str(filled), environ=no_database)
        after = traded(noun, "list", *mine, "--as-of", str(filled + 1), environ=no_database)
        assert before.data == []
        [told], [row] = after.data, traded(noun, "list", *mine, *table).data
        row.pop("next_offset", None)
        assert told == row

    said = traded("executions", "list", "--as-of", "2022-03-16T15:00:00Z").out
    assert "large-default: its log before offset" in said
    assert "tiny: before the first event of its log." in said


@pytest.mark.parametrize(
    ("noun", "arguments", "code", "words"),
    [
        ("executions", ("3",), 2, "an offset is of one account's log"),
        ("positions", ("2099-01-01T00:00:00Z",), 2, "is yet to come"),
        ("executions", ("1", "--account", "tiny"), 5, "the log of tiny ends at offset 0"),
        ("positions", ("999", "--account", "tiny"), 5, "the log of tiny ends at offset 0"),
    ],
)
def test_a_list_as_of_a_point_that_is_none_is_refused(
    traded: Command, noun: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    answer = traded(noun, "list", "--as-of", *arguments)

    assert answer.code == code
    assert words in " ".join(answer.err.split())


def test_an_account_that_is_not_configured_has_no_executions_to_list(traded: Command) -> None:
    answer = traded("executions", "list", "--account", "large")

    assert answer.code == 5
    assert "large-default, tiny" in answer.sentence


def test_projections_say_how_far_they_are(traded: Command) -> None:
    # Whoever ran in between has written: project that as well.
    _done(traded, "projections", "run", "--until-caught-up")

    found = traded("projections", "status", "--json").data

    assert {one["projection"] for one in found} >= {"executions", "status", "failures"}
    assert {one["behind"] for one in found} == {0}
    assert {one["parked"] for one in found} == {0}
    assert "executions" in traded("projections", "status").out


def test_a_command_followed_by_a_query_sees_itself(traded: Command) -> None:
    _done(traded, "accounts", "run", "large-default", "--until-caught-up")
    late = traded("projections", "wait", "--account", "large-default", "--timeout", "0")
    assert late.code == 7
    assert "Is a projector running?" in late.sentence

    _done(traded, "projections", "run", "--until-caught-up")

    done = traded("projections", "wait", "--account", "large-default", "--json").data
    offset = str(done[0]["offset"])
    mine = ("--account", "large-default")
    assert {one["offset"] for one in done} == {int(offset)}
    assert traded("executions", "list", *mine, "--at-least", offset).code == 0
    assert traded("positions", "list", "--tables", *mine, "--at-least", offset).code == 0
    assert traded("positions", "list", *mine, "--at-least", offset).code == 2
    told = traded("accounts", "show", "large-default", "--tables", "--at-least", offset)
    assert "all of it" in told.out


def test_an_offset_of_nobody_s_log_cannot_be_waited_for(traded: Command) -> None:
    assert traded("projections", "wait", "executions", "--offset", "3").code == 2
    assert traded("projections", "wait", "dead-letters", "--account", "tiny").code == 2


def test_nothing_is_parked_and_what_is_not_parked_is_not_found(traded: Command) -> None:
    assert traded("projections", "parked", "list", "--json").data == []

    for arguments in (("executions", "recommendations"), ("exekutions", "recommendations")):
        answer = traded("projections", "parked", "show", *arguments)
        assert answer.code == 5
        assert arguments[0] in answer.sentence


def test_nothing_has_failed_and_an_unknown_failure_is_not_found(traded: Command) -> None:
    assert traded("failures", "list", "--json").data == []

    answer = traded("failures", "show", "3f2a9c1e")

    assert answer.code == 5
    assert "3f2a9c1e" in answer.sentence


def test_a_database_without_tables_is_told_to_migrate(
    traded: Command, make_database: Callable[..., str]
) -> None:
    empty = {"DISPATCHER__POSTGRES__DSN": make_database()}

    for arguments in (("executions", "list"), ("failures", "list"), ("projections", "status")):
        answer = traded(*arguments, environ=empty)
        assert answer.code == 3
        assert "dispatcher migrate" in answer.sentence


def test_migrating_twice_changes_nothing(traded: Command) -> None:
    assert traded("migrate", "--json").data == {"applied": []}
    assert traded("migrate", "--plan", "--json").data == {"pending": []}
    found = traded("migrate", "--status", "--json").data["migrations"]
    assert {one["state"] for one in found} == {"applied"}


def test_checks_that_find_nothing_end_with_0(traded: Command) -> None:
    assert traded("topics", "check", "--json").data == {"findings": []}
    assert traded("schemas", "check", "--json").data["findings"] == []


def test_a_configuration_may_lie_anywhere(traded: Command, tmp_path: Path) -> None:
    file = traded.directory / "dispatcher.toml"

    answer = Command(tmp_path)("topics", "check", "--config", str(file))

    assert answer.code == 0


def test_the_tables_show_the_same_account_and_say_that_they_have_all_of_its_log(
    traded: Command,
) -> None:
    log = traded("accounts", "show", "large-default", "--json").data["log"]

    told = traded("accounts", "show", "large-default", "--tables", "--json").data["tables"]

    assert (told["behind"], told["parked"]) == (0, 0)
    same = told.keys() & log.keys() - {"positions", "limits", "trading", "version", "mode"}
    assert {name: told[name] for name in same} == {name: log[name] for name in same}
    assert {"cash", "equity", "exposure", "ends", "decided", "incidents", "next_offset"} <= same
    assert told["trading"].items() <= {**log["trading"], "by": None, "reason": None}.items()
    assert told["version"] == log["version"]
    allowed = {one["limit"]: (one["used"], one["allowed"]) for one in log["limits"]}
    for one in told["limits"]:
        assert (one["used"], one["allowed"]) == allowed[one["limit"]]
    assert told["positions"] == log["positions"]
    assert [held["symbol"] for held in told["positions"]] == ["MSFT"]
    text = traded("accounts", "show", "large-default", "--tables").out
    assert "The tables have large-default's log up to offset" in text
    assert ": all of it." in text
    assert max(len(one) for one in text.splitlines()) <= 80


def test_tables_need_no_kafka_and_say_what_they_then_do_not_know(traded: Command) -> None:
    down = {"DISPATCHER__KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9"}

    shown = traded("accounts", "show", "large-default", "--tables", environ=down)
    listed = traded("positions", "list", "--tables", environ=down)

    assert (shown.code, listed.code) == (0, 0)
    told = " ".join(shown.out.split())
    assert "how far it goes is not known, as Kafka does not answer." in told
    assert "MSFT" in listed.out


def test_the_tables_have_nothing_of_an_account_that_never_ran(traded: Command) -> None:
    text = traded("accounts", "show", "tiny", "--tables").out

    assert text == "The tables have nothing of tiny: its log is empty.\n"


def test_holdings_from_the_tables_are_those_of_the_log(traded: Command) -> None:
    log = traded("positions", "list", "--json").data

    told = traded("positions", "list", "--tables", "--json").data

    assert [{name: one[name] for name in one if name != "next_offset"} for one in told] == log
    assert "large-default's log up to offset" in traded("positions", "list", "--tables").out


def test_the_tables_have_no_past(traded: Command) -> None:
    answer = traded("accounts", "show", "large-default", "--tables", "--as-of", "3")

    assert answer.code == 2
    assert "the tables have no past" in answer.err
