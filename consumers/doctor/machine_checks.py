"""This machine: is there room where data of ours lies?"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from consumers.doctor.finding import Finding, fail, ok, warn
from consumers.settings import Settings

_STACK: Final = Path(".stack")
_GB: Final = 1_000_000_000
_LITTLE: Final = 2 * _GB
_TOO_LITTLE: Final = _GB // 5


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Look at the local stack and at the ledgers; what others keep elsewhere is theirs."""
    ledgers = [one.ledger for one in settings.accounts.values() if one.ledger is not None]
    folders = {ledger.absolute().parent for ledger in ledgers}
    if _STACK.is_dir():
        folders.add(_STACK.absolute())
    for folder in sorted(folder for folder in folders if folder.is_dir()):
        free = shutil.disk_usage(folder).free
        says = f"{free / _GB:,.1f} GB free in {folder}"
        cure = f"du -xh {folder} | sort -h | tail shows what takes the room"
        if free < _TOO_LITTLE:
            yield fail("disk", says, cure)
        else:
            yield warn("disk", says, cure) if free < _LITTLE else ok("disk", says)
