"""In the image the user has a number and no name: no command may fail for that."""

import pwd
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.running import ROOT, Place

NAMELESS = 10_001


@pytest.fixture
def nameless() -> int:
    """A user without a name, whom this process may become.

    Where it may not, or where that user cannot read our sources, `conftest` leaves the tests out.
    """
    with pytest.raises(KeyError):
        pwd.getpwuid(NAMELESS)
    return NAMELESS


def _as(user: int, program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run `program`; what it imports first is read before it becomes `user`."""
    become = f"import getpass, os, pwd, sys\nimport cli.main, cli.projections\nos.setuid({user})\n"
    return subprocess.run(
        [sys.executable, "-c", become + program],
        cwd=directory,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_user_without_a_name_is_told_by_its_number(nameless: int, tmp_path: Path) -> None:
    done = _as(nameless, "from cli.who import who\nprint(who())", tmp_path)

    assert (done.stdout, done.stderr) == (f"uid {nameless}\n", "")


def test_a_user_without_a_name_may_rebuild_tables(nameless: int, place: Place) -> None:
    with TemporaryDirectory() as directory:  # pytest's own let nobody else in
        Path(directory).chmod(0o755)
        dispatcher = place.at(Path(directory))
        assert dispatcher("topics", "apply").code == 0
        words = ["dispatcher", "projections", "rebuild", "executions", "--processes", "1"]

        done = _as(nameless, f"sys.argv = {words}\ncli.main.run()", dispatcher.directory)

    assert (done.returncode, done.stderr) == (0, "")


def test_whoever_has_a_name_is_told_by_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from cli.who import who\nprint(who())"],
        env={"PYTHONPATH": str(ROOT), "LOGNAME": "maria"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "maria\n"
