import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.main import _Commands, app
from tests.cli.running import ROOT, Command

HEAVY = ("confluent_kafka", "psycopg", "pydantic", "httpx2", "authlib", "structlog")
NOT_OURS = {"demo"}


def _leaves(command: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- typer's own type
    inner = getattr(command, "commands", None)
    if not inner:
        yield path, command.help or ""
        return
    for name, one in inner.items():
        yield from _leaves(one, f"{path} {name}")


def _commands() -> list[tuple[str, str]]:
    return [
        leaf
        for name, one in _Commands.lazy.items()
        if name not in NOT_OURS
        for leaf in _leaves(get_command(import_module(one.module).app), f"dispatcher {name}")
    ]


@pytest.mark.parametrize(("path", "text"), _commands(), ids=lambda value: str(value)[:40])
def test_every_command_shows_how_it_is_called(path: str, text: str) -> None:
    assert f"Example: {path}" in text


@pytest.mark.parametrize("path", [path for path, _ in _commands()])
def test_the_help_of_every_command_fits_80_columns_and_is_cut_nowhere(path: str) -> None:
    told = CliRunner().invoke(app, [*path.split()[1:], "--help"], env={"COLUMNS": "80"})

    assert told.exit_code == 0
    said = told.output.splitlines()
    assert max(map(len, said)) <= 80
    ends = ('…"', "user…")  # a reason or an address to be filled in
    assert not [one for one in said if "…" in one and not any(end in one for end in ends)]
    usage = next(place for place, one in enumerate(said) if one.startswith(" Usage:"))
    text = [one.rstrip() for one in said if one[:1] == " "]
    text = text[text.index("", usage) :]  # a long usage is broken where typer likes
    for one, following in pairwise(text):
        first, *_ = following.split() or [""]
        assert not (one and first) or len(f"{one} {first}") > 79, "it is broken too early"


def test_help_names_every_exit_code(tmp_path: Path) -> None:
    answer = Command(tmp_path)("--help")

    assert answer.code == 0
    said = " ".join(answer.out.split())
    for words in (
        "0 done",
        "1 a bug",
        "2 usage",
        "3 configuration",
        "4 bad input",
        "5 not found",
        "6 a difference found",
        "7 a service is unreachable",
        "8 fenced",
        "9 refused",
        "130 interrupted",
    ):
        assert words in said


def test_help_imports_nothing_that_takes_long(tmp_path: Path) -> None:
    asked = (
        "import sys\nfrom cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_help_fits_80_columns(tmp_path: Path) -> None:
    answer = Command(tmp_path)("--help")

    assert max(len(one) for one in answer.out.splitlines()) <= 80


def test_a_wrong_command_is_a_usage_error_that_suggests_the_right_one(tmp_path: Path) -> None:
    answer = Command(tmp_path)("acounts", "list")

    assert answer.code == 2
    assert "accounts" in answer.err
    assert answer.out == ""


def test_the_version_is_data_when_asked_for(tmp_path: Path) -> None:
    answer = Command(tmp_path)("version", "--json")

    assert answer.code == 0
    assert answer.data["dispatcher"].startswith("0.")
