"""The walls of the house: names nobody else may own, and contracts between the rooms."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_no_installed_distribution_owns_one_of_our_top_level_names() -> None:
    ours = set(CONFIGURATION["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])

    owners = {
        name: [owner for owner in distributions if owner != "dispatcher"]
        for name, distributions in packages_distributions().items()
        if name in ours
    }

    assert {name: others for name, others in owners.items() if others} == {}


def test_every_top_level_package_is_in_the_wheel() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {
        "bench",
        "tests",
        "docs",
    }

    assert packages == set(CONFIGURATION["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_the_rooms_keep_their_contracts() -> None:
    # In a process of its own: it disables every logger that this one already has.
    lint = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / "pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert lint.returncode == 0, lint.stdout


def test_the_lock_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    assert "://" not in lock
    assert "--hash=sha256:" in lock
