"""Where a long command stands is told on stderr, on a terminal and without one."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from io import StringIO
from threading import Event

import pytest

from cli.phases import Standing, in_words, phases
from tests.cli.advice import line, lines
from tests.cli.running import ROOT, TIMEOUT_S, Command

PATIENCE_S = 30


@pytest.mark.parametrize(
    ("at", "elapsed_s", "told"),
    [
        (Standing("begins", 0, 0, 0), 10, "Rebuilding: begins, 0 of 0, 10 s"),
        (
            Standing("loading", 100_000, 400_000, 20),
            20,
            "Rebuilding: loading, 100,000 of 400,000, 20 s, about 1 min 0 s left of that",
        ),
        (  # what an interrupted one had loaded took no time of this one
            Standing("loading", 300_000, 400_000, 20, 200_000),
            25,
            "Rebuilding: loading, 300,000 of 400,000, 25 s, about 20 s left of that",
        ),
        (
            Standing("building keys of executions", 3, 8, 70, 3),
            7_290,
            "Rebuilding: building keys of executions, 3 of 8, 2 h 1 min",
        ),
    ],
)
def test_a_line_tells_the_phase_how_much_of_it_since_when_and_for_how_long_still(
    at: Standing, elapsed_s: float, told: str
) -> None:
    assert in_words("Rebuilding", at, elapsed_s) == told


class _Told(StringIO):
    """A stream that says when `awaited` was written to it."""

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self.is_told = Event()
        self._awaited = awaited

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._awaited in text:
            self.is_told.set()
        return written


def test_without_a_terminal_a_line_comes_even_while_nothing_moves() -> None:
    stream = _Told("Rebuilding: building keys of executions, 3 of 8, ")

    with phases("Rebuilding", stream, every_s=0.001) as show:
        show("building keys of executions", 3, 8)
        for _ in range(2):  # the same again, as time goes by
            stream.is_told.clear()
            assert stream.is_told.wait(PATIENCE_S), "nothing was told"


def test_what_is_done_at_once_tells_nothing_without_a_terminal() -> None:
    stream = StringIO()

    with phases("Rebuilding", stream) as show:
        show("loading", 1, 1)

    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        (
            "rebuild",
            ("loading", "building keys of", "merging", "comparing accounts", "swapping accounts"),
        ),
        ("verify", ("reading", "comparing accounts")),
    ],
)
def test_on_a_terminal_every_phase_is_seen_and_stdout_holds_data_alone(
    dispatcher: Command, verb: str, told: tuple[str, ...]
) -> None:
    advice = lines(line(1), line(2, ticker="AAPL"))
    for arguments in (
        ("topics", "apply"),
        ("recommendations", "publish", "-"),
        ("accounts", "run", "tiny", "--until-caught-up"),
        ("projections", "run", "--until-caught-up"),
    ):
        answer = dispatcher(*arguments, stdin=advice)
        assert answer.code == 0, answer.err

    out, seen = _on_a_terminal(dispatcher, "projections", verb, "--json")

    assert {one["projection"] for one in json.loads(out)} >= {"executions", "accounts"}
    for phase in told:
        assert phase in seen, seen


def _on_a_terminal(command: Command, *arguments: str) -> tuple[str, str]:
    """Run a command whose stderr is a terminal of 80 columns; return stdout, and what was seen."""
    ours, theirs = pty.openpty()
    kept = {name: one for name, one in os.environ.items() if not name.startswith("DISPATCHER")}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=command.directory,
        env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # the other side was closed
        while some := os.read(ours, 65_536):
            seen += some
    os.close(ours)
    out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, seen
    return out.decode(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
