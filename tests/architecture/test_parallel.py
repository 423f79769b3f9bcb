"""What runs of several workers rely on."""

import re
from pathlib import Path

from tests.parallel import BREAK_SERVICES, DEAR_FIRST

ROOT = Path(__file__).parents[2]
_WANTS_BREAKABLE = re.compile(r"\bbreakable(_world)?: ")


def test_files_that_break_services_are_known_and_so_run_one_after_the_other() -> None:
    found = {
        str(file.relative_to(ROOT))
        for file in ROOT.glob("tests/**/test_*.py")
        if _WANTS_BREAKABLE.search(file.read_text())
    }

    assert found == BREAK_SERVICES


def test_folders_that_go_first_exist() -> None:
    assert [name for name in DEAR_FIRST if not (ROOT / "tests" / name).is_dir()] == []
