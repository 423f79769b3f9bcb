import pytest

from cli.output import say


def test_an_indented_line_that_is_too_long_hangs_below_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("  " + "word " * 20)

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("  word")
    assert len(first) <= 80
    assert second.startswith("    word")


def test_a_command_to_copy_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"  dispatcher stack down --purge --dir /tmp/{'long/' * 20}stack"

    say(command, to_copy=True)

    assert capsys.readouterr().out == f"{command}\n"
