"""Rebuild, verify and positions as an operator types them."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from tests.cli.advice import line, lines
from tests.cli.running import Command, Place
from tests.services import Services


@pytest.fixture(scope="module")
def dsn(make_database: Callable[..., str]) -> str:
    return make_database()


@pytest.fixture(scope="module")
def traded(services: Services, dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """An account that has bought one share after one recommendation."""
    prefix = f"t{uuid4().hex[:12]}."
    place = Place(services.bootstrap_servers, services.registry_url, dsn, prefix)
    dispatcher = place.at(tmp_path_factory.mktemp("traded"))
    for words in (
        ["topics", "apply"],
        ["schemas", "register"],
        ["migrate"],
        ["recommendations", "publish", "-"],
        ["accounts", "run", "large-default", "--until-caught-up"],
        ["projections", "run", "--until-caught-up"],
    ):
        answer = dispatcher(*words, stdin=lines(line(11)))
        assert answer.code == 0, answer.err
    return dispatcher


def edit(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE dispatch_executions SET entry_price = 7")


def test_verify_says_that_nothing_differs(traded: Command) -> None:
    answer = traded("projections", "verify")

    assert answer.code == 0, answer.err
    assert "executions" in answer.out
    assert max(len(one) for one in answer.out.splitlines()) <= 80


def test_verify_may_be_told_how_many_processes_read_the_logs(traded: Command) -> None:
    answers = [traded("projections", "verify", "--processes", count) for count in ("1", "3")]

    assert [answer.code for answer in answers] == [0, 0]
    assert answers[0].out == answers[1].out
    assert traded("projections", "verify", "--processes", "0").code == 2


def test_verify_names_an_edited_field_and_a_rebuild_puts_it_right(
    traded: Command, dsn: str
) -> None:
    edit(dsn)

    told = traded("projections", "verify")
    as_json = traded("projections", "verify", "executions", "--json")
    rebuilt = traded("projections", "rebuild", "executions", "--json")

    assert (told.code, as_json.code) == (6, 6)
    assert "1 row differs from the log, in executions" in told.sentence
    assert "entry_price is 7, the log says " in told.out.replace("\n", " ")
    [one] = as_json.data
    [difference] = one["differences"]
    assert difference["key"] == {"recommendation_id": 11, "account_name": "large-default"}
    assert [one["column"] for one in difference["fields"]] == ["entry_price"]
    assert [one["rows_changed"] for one in rebuilt.data] == [2]
    assert traded("projections", "verify").code == 0


def test_a_rebuild_fits_the_screen(traded: Command) -> None:
    answer = traded("projections", "rebuild")

    assert answer.code == 0, answer.err
    assert answer.err == ""
    assert max(len(one) for one in answer.out.splitlines()) <= 80


@pytest.mark.parametrize("verb", ["rebuild", "verify"])
def test_a_projection_that_does_not_exist_is_not_found(traded: Command, verb: str) -> None:
    answer = traded("projections", verb, "nothing")

    assert answer.code == 5
    assert "there is no projection 'nothing'" in answer.sentence


def test_positions_are_what_the_log_says_is_held(traded: Command) -> None:
    [held] = traded("positions", "list", "--json").data
    [executed] = traded("executions", "list", "--json").data
    answer = traded("positions", "list", "--account", "large-default")

    assert held["account_name"] == "large-default"
    assert (held["symbol"], held["quantity"]) == (executed["ticker"], executed["qty"])
    assert held["cost"] == executed["notional"]
    assert max(len(one) for one in answer.out.splitlines()) <= 80
    assert traded("positions", "list", "--account", "tiny").out == "Nothing is held.\n"


def test_positions_of_an_account_that_is_not_configured_are_not_found(traded: Command) -> None:
    assert traded("positions", "list", "--account", "nobody").code in (3, 5)


def test_without_postgresql_verify_says_so(traded: Command) -> None:
    answer = traded(
        "projections",
        "verify",
        environ={"DISPATCHER__POSTGRES__DSN": "postgresql://nobody@127.0.0.1:1/none"},
    )

    assert answer.code == 7
    assert "PostgreSQL gives no answer" in answer.sentence
