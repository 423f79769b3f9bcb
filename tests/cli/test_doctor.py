import json

from tests.cli.running import Command


def test_the_doctor_tells_every_cure_within_80_columns(dispatcher: Command) -> None:
    answer = dispatcher("doctor")

    assert answer.code == 3
    assert "checks failed: each one names its cure" in answer.sentence
    told = answer.out.splitlines()
    assert max(map(len, told)) <= 80
    assert "\x1b" not in answer.out
    assert "      -> dispatcher topics apply" in told
    assert all(one.startswith(("ok    ", "warn  ", "fail  ", "      ")) for one in told)


def test_the_doctor_is_pleased_once_its_cures_were_followed(dispatcher: Command) -> None:
    assert dispatcher("topics", "apply").code == 0

    answer = dispatcher("doctor", "--json")

    assert (answer.code, answer.err) == (0, "")
    assert answer.data["exit_code"] == 0
    assert {one["verdict"] for one in answer.data["findings"]} == {"ok", "warn"}


def test_an_unreachable_service_is_exit_code_7_and_still_data(lonely: Command) -> None:
    answer = lonely("doctor", "--json")

    assert answer.code == 7
    assert json.loads(answer.err)["error"]["exit_code"] == 7
    failed = [one["check"] for one in answer.data["findings"] if one["verdict"] == "fail"]
    assert failed == ["kafka", "registry", "postgres"]
    assert "hush" not in answer.out + answer.err
