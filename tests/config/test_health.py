import json
import os
from pathlib import Path

import pytest

from consumers.clock import elapsed_s
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.health import HEALTH_VARIABLE, Heartbeat, check_health, health_file


def _beaten(file: Path, *, ago_s: float) -> Path:
    file.write_text(json.dumps({"pid": 7, "beat_at_s": elapsed_s() - ago_s}))
    return file


def test_a_loop_that_turns_is_well(tmp_path: Path) -> None:
    file = tmp_path / "health"
    Heartbeat(file).beat()

    found = check_health(file, max_age_s=30)

    assert found.pid == os.getpid()
    assert 0 <= found.age_s <= 30
    assert [one.name for one in tmp_path.iterdir()] == ["health"]


def test_a_loop_that_hangs_is_not_well(tmp_path: Path) -> None:
    file = _beaten(tmp_path / "health", ago_s=31)

    with pytest.raises(ServiceUnreachable, match="process 7 has not turned for 31 s"):
        check_health(file, max_age_s=30)
    assert check_health(file, max_age_s=60).pid == 7


def test_a_heartbeat_from_before_the_machine_started_is_none(tmp_path: Path) -> None:
    file = _beaten(tmp_path / "health", ago_s=-1000)

    with pytest.raises(ServiceUnreachable, match="before this machine started"):
        check_health(file, max_age_s=30)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "beat_at_s": 1}', "\0"])
def test_a_file_that_holds_no_heartbeat_is_not_well(tmp_path: Path, text: str) -> None:
    file = tmp_path / "health"
    file.write_text(text)

    with pytest.raises(ServiceUnreachable, match="cannot be read"):
        check_health(file, max_age_s=30)


def test_a_process_that_never_beat_is_not_well(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnreachable, match="has not started"):
        check_health(tmp_path / "health", max_age_s=30)


def test_without_a_file_there_is_nothing_to_say() -> None:
    assert health_file({}) is None
    assert health_file({HEALTH_VARIABLE: "/tmp/health"}) == Path("/tmp/health")  # noqa: S108
    with pytest.raises(ConfigurationError, match=HEALTH_VARIABLE):
        check_health(None, max_age_s=30)


def test_a_heartbeat_that_cannot_be_written_stops_no_loop(tmp_path: Path) -> None:
    Heartbeat(tmp_path / "nowhere" / "health").beat()
    Heartbeat(None).beat()
