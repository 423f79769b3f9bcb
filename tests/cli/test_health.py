from pathlib import Path

from consumers.health import HEALTH_VARIABLE, Heartbeat
from tests.cli.running import Command


def test_health_tells_by_its_exit_code_whether_the_loop_turns(tmp_path: Path) -> None:
    command, file = Command(tmp_path), tmp_path / "health"
    environ = {HEALTH_VARIABLE: str(file)}

    before = command("health", environ=environ)
    Heartbeat(file).beat()
    after = command("health", "--json", environ=environ)

    assert (before.code, before.out) == (7, "")
    assert "has not started" in before.sentence
    assert (after.code, after.err) == (0, "")
    assert after.data["age_s"] >= 0


def test_health_without_a_file_is_a_fault_of_configuration(tmp_path: Path) -> None:
    answer = Command(tmp_path)("health")

    assert answer.code == 3
    assert HEALTH_VARIABLE in answer.sentence


def test_a_dispatcher_and_a_projector_leave_heartbeats_and_lines_as_asked_for(
    dispatcher: Command, tmp_path: Path
) -> None:
    assert dispatcher("topics", "apply").code == 0
    for words in (("accounts", "run", "tiny"), ("projections", "run")):
        file = tmp_path / words[0]
        environ = {HEALTH_VARIABLE: str(file)}

        ran = dispatcher(
            *words, "--until-caught-up", "--log-format", "console", "--json", environ=environ
        )

        assert ran.code == 0, ran.err
        assert ran.data
        assert not any(line.startswith("{") for line in ran.err.splitlines())
        assert "dispatcher_run_id=" in ran.err
        assert dispatcher("health", environ=environ).code == 0
