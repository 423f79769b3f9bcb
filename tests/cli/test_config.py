import json
from pathlib import Path

from tests.cli.running import Command, Place


def test_every_value_comes_with_its_source_and_no_password(lonely: Command) -> None:
    variable = "DISPATCHER__ACCOUNTS__LARGE_DEFAULT__STARTING_CASH"

    answer = lonely("config", "check", environ={variable: "5000"})

    assert (answer.code, answer.err) == (0, "")
    assert "hush" not in answer.out
    assert "postgresql://somebody:***@127.0.0.1:9/nothing" in answer.out
    assert variable in answer.out
    assert "preset large" in answer.out
    assert "line 2" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    assert "\x1b" not in answer.out


def test_the_same_as_data(lonely: Command) -> None:
    answer = lonely("config", "check", "--json")

    assert (answer.code, answer.err) == (0, "")
    assert "hush" not in answer.out
    values = {one["key"]: one for one in answer.data["values"]}
    assert values["kafka.bootstrap_servers"] == {
        "key": "kafka.bootstrap_servers",
        "value": "127.0.0.1:9",
        "source": "file",
        "where": "dispatcher.toml:2",
    }
    assert values["accounts.tiny.limits.allow_shorting"]["value"] is False


def test_a_faulty_key_is_named(tmp_path: Path) -> None:
    command = Place().at(tmp_path)

    answer = command("config", "check", "--json", environ={"DISPATCHER__KAFKA__FLAVOUR": "x"})

    assert (answer.code, answer.out) == (3, "")
    error = json.loads(answer.err)["error"]
    assert (
        "kafka.flavour is not a known key (set by DISPATCHER__KAFKA__FLAVOUR)" in error["message"]
    )
