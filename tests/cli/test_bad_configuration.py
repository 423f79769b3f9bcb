import json
from pathlib import Path

import pytest

from tests.cli.running import Command, Place


def _with(tmp_path: Path, old: str, new: str) -> Command:
    command = Place().at(tmp_path)
    file = tmp_path / "dispatcher.toml"
    file.write_text(file.read_text().replace(old, new, 1))
    return command


def test_no_configuration_says_where_to_start(tmp_path: Path) -> None:
    answer = Command(tmp_path)("accounts", "list")

    assert answer.code == 3
    assert "dispatcher.toml does not exist" in answer.sentence
    assert "examples/dispatcher.toml" in answer.sentence


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    answer = Command(tmp_path)("topics", "check", "--config", str(tmp_path))

    assert answer.code == 3
    assert "cannot be read" in answer.sentence


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mode =", "moode =", "accounts.large-default.moode is not a known key"),
        ("= 100000", "= 'plenty'", "accounts.large-default.starting_cash must be a number"),
        ("[kafka]", "[kafka", "is not valid TOML"),
    ],
)
def test_a_bad_configuration_is_refused_in_one_sentence(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    answer = _with(tmp_path, old, new)("accounts", "list")

    assert answer.code == 3
    assert said in answer.sentence
    assert answer.out == ""


def test_an_unknown_account_is_not_found(lonely: Command) -> None:
    for arguments in (("accounts", "show"), ("accounts", "run")):
        answer = lonely(*arguments, "large", "--json")

        assert answer.code == 5
        error = json.loads(answer.err.splitlines()[-1])["error"]
        assert error["exit_code"] == 5
        assert "large-default, tiny" in error["message"]
        assert answer.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("topics", "apply"),
        ("schemas", "check"),
        ("migrate",),
        ("executions", "list"),
        ("projections", "status"),
        ("projections", "parked", "list"),
        ("accounts", "list"),
        ("recommendations", "show", "1"),
    ],
    ids=" ".join,
)
def test_a_service_that_is_not_there_is_named_in_one_sentence(
    lonely: Command, arguments: tuple[str, ...]
) -> None:
    answer = lonely(*arguments)

    assert answer.code == 7
    assert answer.out == ""
    assert any(name in answer.sentence for name in ("Kafka", "registry", "PostgreSQL"))
    assert "hush" not in answer.sentence


@pytest.mark.parametrize(
    "arguments",
    [
        ("migrate",),
        ("executions", "list"),
        ("projections", "parked", "list"),
        ("projections", "rebuild", "--discard"),
    ],
    ids=" ".join,
)
def test_where_postgresql_does_not_answer_it_is_said_what_to_look_at(
    lonely: Command, arguments: tuple[str, ...]
) -> None:
    answer = lonely(*arguments)

    assert answer.code == 7
    assert answer.sentence.endswith("is it up, and postgres.dsn right?")
