"""This machine: is there room where data of ours lies?"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from consumers.doctor.finding import Finding, fail, ok, warn
from consumers.settings import Settings

_STACK: Final = Path(".stack")
_GB: Final = 1_000_000_000
_LITTLE: Final = 2 * _GB
_TOO_LITTLE: Final = _GB // 5


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def check_disk(settings: Settings, free_in: Callable[[Path], int] = _free) -> Iterator[Finding]:
    """Look at the local stack and at the ledgers; what others keep elsewhere is theirs.

    `free_in` tells how many bytes are free where a folder is.
    """
    ledgers = [one.ledger for one in settings.accounts.values() if one.ledger is not None]
    folders = {ledger.absolute().parent for ledger in ledgers}
    if _STACK.is_dir():
        folders.add(_STACK.absolute())
    for folder in sorted(folder for folder in folders if folder.is_dir()):
        free = free_in(folder)
        says = f"{free / _GB:,.1f} GB free in {folder}"
        cure = f"du -xh {folder} | sort -h | tail shows what takes the room"
        if free < _TOO_LITTLE:
            yield fail("disk", says, cure)
        else:
            yield warn("disk", says, cure) if free < _LITTLE else ok("disk", says)
