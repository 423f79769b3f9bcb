"""What the generators of docs/ share: holding a file against its text, and the command."""

import sys
from collections.abc import Callable
from pathlib import Path


def drift_of(file: Path, text: str, source: str) -> str | None:
    """Return what is wrong with `file`, in one sentence; None when it says `text`.

    `source` names what the text is generated from.
    """
    if not file.exists():
        return f"{file.name} is missing"
    if file.read_text(encoding="utf-8") != text:
        return f"{file.name} differs from the {source}"
    return None


def run(
    arguments: list[str],
    module: str,
    write: Callable[[], object],
    drift: Callable[[], str | None],
) -> int:
    """Write, or with ``--check`` only look; exit code 6 on a difference, 2 on wrong usage."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"usage: python -m {module} [--check]\n")
        return 2
    if not arguments:
        write()
        return 0
    found = drift()
    if found:
        sys.stderr.write(f"{found}: run `python -m {module}`\n")
    return 6 if found else 0
