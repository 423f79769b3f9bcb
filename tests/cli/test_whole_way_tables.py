"""One way through everything, by commands alone; then the tables are asked about it."""

from collections.abc import Callable

import pytest

from tests.cli.advice import BOUGHT
from tests.cli.running import Command


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
    traded.done("projections", "run", "--until-caught-up")

    found = traded("projections", "status", "--json").data

    assert {one["projection"] for one in found} >= {"executions", "status", "failures"}
    assert {one["behind"] for one in found} == {0}
    assert {one["parked"] for one in found} == {0}
    assert "executions" in traded("projections", "status").out


def test_a_command_followed_by_a_query_sees_itself(traded: Command) -> None:
    traded.done("accounts", "run", "large-default", "--until-caught-up")
    late = traded("projections", "wait", "--account", "large-default", "--timeout", "0")
    assert late.code == 7
    assert "Is a projector running?" in late.sentence

    traded.done("projections", "run", "--until-caught-up")

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
