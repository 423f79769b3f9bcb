import pytest

from cli.errors import run_guarded
from consumers.errors import (
    BadInputError,
    ConfigurationError,
    DifferenceFound,
    DispatcherError,
    Fenced,
    NotFoundError,
    Refused,
    SeatLost,
    ServiceUnreachable,
)
from migrations.errors import DatabaseUnreachable
from stack.errors import DownloadError, StackConfigError

CODES = [
    (ConfigurationError, 3),
    (BadInputError, 4),
    (NotFoundError, 5),
    (DifferenceFound, 6),
    (ServiceUnreachable, 7),
    (SeatLost, 8),
    (Fenced, 8),
    (Refused, 9),
    (DispatcherError, 1),
    (StackConfigError, 3),
    (DownloadError, 7),
    (DatabaseUnreachable, 7),
]


@pytest.mark.parametrize(("kind", "code"), CODES, ids=str)
def test_a_known_error_is_one_sentence_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], kind: type[Exception], code: int
) -> None:
    def fails() -> None:
        raise kind("This went wrong, so do that.")

    with pytest.raises(SystemExit) as ended:
        run_guarded(fails)

    assert ended.value.code == code
    said = capsys.readouterr()
    assert said.err == "This went wrong, so do that.\n"
    assert said.out == ""


def test_an_unknown_error_is_a_bug_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise ZeroDivisionError("oops")

    with pytest.raises(SystemExit) as ended:
        run_guarded(fails)

    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "bug in Dispatcher" in said


def test_an_interrupt_ends_with_130() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run_guarded(interrupted)

    assert ended.value.code == 130
