"""A process under test: ``python -m bench.task NAME JSON``; `bench.process` starts it."""

import json
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from consumers.logs import configure_logs

TASKS: Final[Mapping[str, tuple[str, str]]] = {
    "dispatch": ("dispatching", "dispatch"),
    "dispatch_floor": ("dispatching", "dispatch_floor"),
    "dispatch_live": ("dispatching", "dispatch_live"),
    "dispatch_crash": ("dispatching", "dispatch_crash"),
    "dispatch_holding": ("halting", "dispatch_holding"),
    "dispatch_paper": ("ordering", "dispatch_paper"),
    "bare_transactions": ("dispatching", "bare_transactions"),
    "project": ("projecting", "project"),
    "project_floor": ("projecting", "project_floor"),
    "project_on": ("rebuilding_live", "project_on"),
    "rebuild": ("rebuilding", "rebuild_tables"),
    "rebuild_decode": ("rebuilding", "decode_all"),
    "verify": ("rebuilding", "verify_tables"),
    "project_shared": ("live", "project_shared"),
    "copy_bare": ("live", "copy_bare"),
    "restart": ("restarting", "restart"),
    "fold": ("restarting", "fold"),
    "fold_floor": ("restarting", "fold_floor"),
}
"""By name, the module and its function: a start is timed, so no other module is imported."""


def main(name: str, told: Mapping[str, Any]) -> None:
    """Run a task; its log lines are written as in earnest, to a file that keeps none."""
    with Path(os.devnull).open("w", encoding="utf-8") as lines:
        configure_logs(lines)
        module, function = TASKS[name]
        getattr(import_module(f"bench.{module}"), function)(**told)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
