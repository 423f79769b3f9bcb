"""A process under test: ``python -m bench.task NAME JSON``; `bench.process` starts it."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bench import (
    dispatching,
    halting,
    live,
    ordering,
    projecting,
    rebuilding,
    rebuilding_live,
    restarting,
)
from consumers.logs import configure_logs

TASKS: Final[Mapping[str, Callable[..., None]]] = {
    "dispatch": dispatching.dispatch,
    "dispatch_floor": dispatching.dispatch_floor,
    "dispatch_live": dispatching.dispatch_live,
    "dispatch_crash": dispatching.dispatch_crash,
    "dispatch_holding": halting.dispatch_holding,
    "dispatch_paper": ordering.dispatch_paper,
    "bare_transactions": dispatching.bare_transactions,
    "project": projecting.project,
    "project_floor": projecting.project_floor,
    "project_on": rebuilding_live.project_on,
    "rebuild": rebuilding.rebuild_tables,
    "rebuild_decode": rebuilding.decode_all,
    "verify": rebuilding.verify_tables,
    "project_shared": live.project_shared,
    "copy_bare": live.copy_bare,
    "restart": restarting.restart,
    "fold": restarting.fold,
    "fold_floor": restarting.fold_floor,
}


def main(name: str, told: Mapping[str, Any]) -> None:
    """Run a task; its log lines are written as in earnest, to a file that keeps none."""
    with Path(os.devnull).open("w", encoding="utf-8") as lines:
        configure_logs(lines)
        TASKS[name](**told)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
