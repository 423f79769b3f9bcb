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
