"""Which code has folded a snapshot: the source of the packages that fold, wherever they lie."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from consumers.evolve_code import PACKAGES, digest, evolve_code


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, Path]:
    """The same packages in another place, as an installed wheel or an image has them."""
    return {
        name: Path(shutil.copytree(str(files(name)), tmp_path / "site-packages" / name))
        for name in PACKAGES
    }


def test_it_is_the_same_wherever_the_packages_lie(elsewhere: dict[str, Path]) -> None:
    assert digest({**elsewhere}) == evolve_code()


@pytest.mark.parametrize(
    "changed", ["accounts/evolve.py", "accounts/gates/kill.py", "events/values.py"]
)
def test_it_changes_with_any_module_that_folds(elsewhere: dict[str, Path], changed: str) -> None:
    file = elsewhere["accounts"].parent / changed
    file.write_text(file.read_text() + "\n# another thought\n")

    assert digest({**elsewhere}) != evolve_code()


def test_it_changes_with_a_module_s_name(elsewhere: dict[str, Path]) -> None:
    file = elsewhere["accounts"] / "words.py"
    file.rename(file.with_name("wordy.py"))

    assert digest({**elsewhere}) != evolve_code()


def test_compiled_modules_do_not_count(elsewhere: dict[str, Path]) -> None:
    cache = elsewhere["accounts"] / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "evolve.cpython-399.pyc").write_bytes(b"anything")

    assert digest({**elsewhere}) == evolve_code()


def test_a_package_without_its_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()

    with pytest.raises(FileNotFoundError, match="without its source"):
        digest({"accounts": tmp_path / "accounts"})
