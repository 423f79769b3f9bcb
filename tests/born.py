"""Processes of our own program, born with their imports made: forked from one that has no threads.

A process that starts anew pays most of a second for its imports; hundreds of them are most of a
run's time. These are as real: a pid, signals, an exit code, a directory and an environment.
"""

import faulthandler
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from signal import Signals
from typing import Final

IMPORTED_ONCE: Final = [
    "pytest",
    "cli.accounts",
    "cli.projections",
    "cli.recommendations",
    "alpaca.trading.stream",
    "tests.dispatcher.held_dispatcher",
    "tests.dispatcher.storm.lives",
]
"""All of it before the first fork: only the first list that a process names is heeded."""

WHERE: Final = Signals.SIGUSR2
"""Upon which a process says on stderr where each of its threads stands."""


@dataclass(frozen=True, slots=True)
class Born:
    """A process, with as much of `subprocess.Popen` as tests need."""

    process: ForkServerProcess

    @property
    def pid(self) -> int:
        """Return its number."""
        assert self.process.pid is not None
        return self.process.pid

    def poll(self) -> int | None:
        """Return how it ended, None while it lives; a signal is negative."""
        return self.process.exitcode

    def wait(self, timeout_s: float) -> int:
        """Wait for its end and return how it ended."""
        self.process.join(timeout_s)
        code = self.process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout_s)
        return code

    def send_signal(self, number: Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Tell it to stop."""
        self.send_signal(Signals.SIGTERM)

    def kill(self) -> None:
        """Kill it without warning."""
        self.send_signal(Signals.SIGKILL)


def bear(  # noqa: PLR0913 -- what a process is born with
    main: Callable[[], object],
    arguments: Sequence[str],
    *,
    out: Path,
    err: Path | None = None,
    stdin: Path = Path(os.devnull),
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Born:
    """Start a process that calls `main`, with `arguments`, and exits as that says.

    Without an `err` it says everything to `out`.
    """
    return Born(
        forked(
            _live,
            main,
            [*arguments],
            [stdin, out, out if err is None else err],
            Path.cwd() if directory is None else directory,
            dict(os.environ if environ is None else environ),
        )
    )


def forked(target: Callable[..., None], *given: object) -> ForkServerProcess:
    """Start a process that calls `target` with what is `given`, its imports made."""
    context = get_context("forkserver")
    context.set_forkserver_preload(IMPORTED_ONCE)
    process = context.Process(target=target, args=given)
    process.start()
    return process


def _live(
    main: Callable[[], object],
    arguments: list[str],
    files: list[Path],
    directory: Path,
    environ: dict[str, str],
) -> None:
    stdin, out, err = files
    modes = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, opened in enumerate(
        (os.open(stdin, os.O_RDONLY), os.open(out, modes), os.open(err, modes))
    ):
        os.dup2(opened, number)
        os.close(opened)
    faulthandler.register(WHERE, file=2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 -- as long as the process
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(directory)
    sys.argv = ["dispatcher", *arguments]
    sys.exit(main())  # type: ignore[arg-type] # whatever it returns, as a script's last line does
