"""An import that dies where the test wants it: `python -m tests.legacy.killed_import`.

It is the real one; `kill -9` comes from itself, after a transaction or in the midst of one.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from consumers.dispatcher import seat
from consumers.legacy import importing
from consumers.legacy.decisions import Decisions
from consumers.legacy.source import old_ledger
from consumers.registry import RegistrySchemaSource
from consumers.settings import load_settings
from events.codec import Codec
from events.identifiers import AccountName


def die() -> None:
    """End at once, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_before_a_commit() -> None:
    """Die when the second batch has been sent and is about to be committed."""
    module: Any = seat
    sound = module.Seat._until_done  # noqa: SLF001 -- the only place between sending and commit
    calls = {"commit_transaction": 0}

    def until_done(self: object, call: Callable[[float], object]) -> None:
        name = getattr(call, "__name__", "")
        if name in calls:
            calls[name] += 1
            if calls[name] == 2:
                self._producer.flush(5)  # type: ignore[attr-defined] # a Seat; its records stand in the log, uncommitted
                die()
        sound(self, call)

    module.Seat._until_done = until_done  # noqa: SLF001 -- as above


def main() -> int:
    """Run with CONFIG DSN ACCOUNT and ``batch``, ``commit`` or seconds as text."""
    config, dsn, account, when = sys.argv[1:]
    settings = load_settings(Path(config), {})
    module: Any = importing
    module._BATCH_RECORDS = 100  # noqa: SLF001 -- several transactions of a small ledger

    def progress(title: str, at: int, _end: int) -> None:
        if when == "batch" and title.startswith("importing") and at >= 300:
            die()

    if when == "commit":
        die_before_a_commit()
    elif when != "batch":
        threading.Timer(float(when), die).start()
    decisions = Decisions(
        accounts={"large-default": AccountName(account)}, unnamed=AccountName(account)
    )
    with old_ledger(dsn) as ledger:
        codec = Codec(RegistrySchemaSource(settings.registry.url))
        importer = importing.Importer(settings, codec, ledger, decisions, on_progress=progress)
        importer.run(importer.plan())
    return 0


if __name__ == "__main__":
    sys.exit(main())
