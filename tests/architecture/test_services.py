"""How services of a test run come up where the machine is too busy for the first try."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stack.errors import ServerError
from stack.up import StackAddresses
from tests import services
from tests.services import Kind, ready_services


class Stacks:
    """Stands for the stacks of a machine on which the first starts fail."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.started = list[str]()
        self.stopped = list[str]()

    def start(self, directory: Path) -> StackAddresses:
        self.started.append(directory.name)
        if len(self.started) <= self.failures:
            raise ServerError("Kafka did not answer in time.")
        return StackAddresses("kafka", "registry", "postgres")

    def stop(self, directory: Path, *, purge: bool) -> None:
        assert purge
        self.stopped.append(directory.name)


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Stacks]:
    def prepare(failures: int) -> Stacks:
        found = Stacks(failures)
        monkeypatch.setattr(services, "start", found.start)
        monkeypatch.setattr(services, "stop", found.stop)
        monkeypatch.setattr(services, "register", lambda _url: None)
        return found

    return prepare


def test_services_that_do_not_start_are_stopped_and_started_anew_elsewhere(
    stacks: Callable[[int], Stacks], tmp_path: Path
) -> None:
    found = stacks(2)

    with ready_services(Kind.BREAKABLE, tmp_path / "stack") as ready:
        assert found.stopped == ["stack-1", "stack-2"]
        assert ready.directory == tmp_path / "stack-3"

    assert found.stopped == found.started == ["stack-1", "stack-2", "stack-3"]


def test_services_that_never_start_are_given_up_with_their_reason(
    stacks: Callable[[int], Stacks], tmp_path: Path
) -> None:
    found = stacks(99)

    with (
        pytest.raises(ServerError, match="did not answer"),
        ready_services(Kind.BREAKABLE, tmp_path / "stack"),
    ):
        pass

    assert found.stopped == found.started == ["stack-1", "stack-2", "stack-3"]
