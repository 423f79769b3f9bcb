"""Read a server's log for people."""

import re
from pathlib import Path

_TAIL_BYTES = 65_536
_LONGEST = 240
_NOISE = re.compile(r"^\s*(at |\.\.\. \d+ more|$)")
_TELLING = re.compile(r"ERROR|FATAL|Exception|Error:|error:")


def start_afresh(log_file: Path) -> None:
    """Move the log of the last run aside, so that the new one tells only of this run."""
    if log_file.exists():
        log_file.replace(log_file.with_suffix(".log.1"))


def last_meaningful_line(log_file: Path) -> str:
    """Give the last line that tells of an error, else the last line that says anything."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no log was written)"
    said = [line.strip() for line in lines if not _NOISE.match(line)]
    telling = [line for line in said if _TELLING.search(line)]
    last = (telling or said or ["(the log is empty)"])[-1]
    return last if len(last) <= _LONGEST else f"{last[:_LONGEST]}…"
