"""Every command line in the documentation exists: its nouns, verbs, options and arguments."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from cli.errors import exit_code_of
from consumers import errors
from examples.signal_engine.__main__ import main as signal_engine
from tests.docs.commands import leaf_of
from tests.docs.pages import PAGES, ROOT, inline_code, name_of, shell_lines

_SIGNAL_ENGINE: Final = ["python", "-m", "examples.signal_engine"]
_SHOW: Final = ["dispatcher", "recommendations", "show"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_line_is_one_that_could_be_typed(page: Path) -> None:
    for words in shell_lines(page):
        if words[0] == "dispatcher":
            command, left = leaf_of(words[1:])
            command.make_context(command.name, left)  # raises a usage error where it must


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_named_in_a_sentence_exists(page: Path) -> None:
    for code in inline_code(page):
        if re.match(r"dispatcher( [a-z]|$)", code):
            command, left = leaf_of(code.split()[1:])
            known = {option for param in command.params for option in param.opts}
            assert {word for word in left if word.startswith("-")} <= known, code


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such command"):
        leaf_of(["accounts", "fly"])
    command, left = leaf_of(["accounts", "run", "tiny", "--fast"])
    with pytest.raises(Exception, match="No such option"):
        command.make_context("run", left)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in shell_lines(page):
        if words[0] == "make":
            assert set(words[1:]) <= targets, words


def test_the_recommendation_that_the_readme_looks_at_is_one_that_it_has_published(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = list(shell_lines(ROOT / "README.md"))
    [published] = [words[3:] for words in lines if words[:3] == _SIGNAL_ENGINE]
    [shown] = [words[3] for words in lines if words[:3] == _SHOW]

    signal_engine(published[: published.index(">")])

    issued = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert int(shown) in {one["recommendation_id"] for one in issued}


def test_the_readme_lists_every_exit_code_that_an_error_can_have() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", _readme(), re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    known = {exit_code_of(kind("")) for kind in kinds if issubclass(kind, errors.DispatcherError)}

    assert known <= listed
    assert {0, 1, 2, 130} <= listed


def _readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")
