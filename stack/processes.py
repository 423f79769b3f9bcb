"""Start, recognise and end processes that outlive the one which started them."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

# The inner shell writes its own number to standard output (the pid file) and becomes the server,
# so no moment exists in which a killed starter leaves a server without a pid file. The outer one
# ends at once: init owns the server and no zombie stays with the starter. A server may run as
# another user, who could open neither file: both are opened by the starter.
_INNER = 'echo $$; exec "$@" >&2'
_OUTER = 'sh -c "$0" sh "$@" &'


@dataclass(frozen=True, slots=True)
class Owner:
    """The user a server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class PidFile:
    """A file with a process number, which counts only while that process carries `mark`."""

    path: Path
    mark: str

    def recorded_pid(self) -> int | None:
        """Read the number in the file; None without a file."""
        try:
            text = self.path.read_text().strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isdecimal() else None

    def process(self) -> psutil.Process | None:
        """Find the living process; None if it is gone or its number belongs to another now."""
        pid = self.recorded_pid()
        if pid is None:
            return None
        try:
            process = psutil.Process(pid)
            dead = process.status() == psutil.STATUS_ZOMBIE
            # The mark is unique to one server of one stack: a recycled number cannot carry it.
            return None if dead or self.mark not in process.cmdline() else process
        except psutil.Error:
            return None

    def forget(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def launch(
    command: Sequence[str],
    *,
    pid_file: PidFile,
    log_file: Path,
    environment: Mapping[str, str],
    directory: Path,
    owner: Owner | None = None,
) -> None:
    """Start a process in a session of its own; its output goes to `log_file`."""
    with pid_file.path.open("w") as pid, log_file.open("a") as log:
        subprocess.run(  # noqa: S603 - our own command lines
            ["/bin/sh", "-c", _OUTER, _INNER, *command],
            stdin=subprocess.DEVNULL,
            stdout=pid,
            stderr=log,
            env={**inherited_environment(), **environment},
            cwd=directory,
            start_new_session=True,
            check=True,
            **as_user(owner),
        )


def inherited_environment() -> dict[str, str]:
    """Pick what a server may see of our environment: no secrets, no settings of other programs."""
    wanted = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in wanted if name in os.environ}


def as_user(owner: Owner | None) -> dict[str, object]:
    """Give the arguments with which `subprocess` runs something as another user."""
    if owner is None:
        return {}
    return {"user": owner.uid, "group": owner.gid, "extra_groups": []}


def end(process: psutil.Process, polite: signal.Signals, *, patience_s: float) -> bool:
    """Ask a process to end, and kill it after `patience_s` seconds; tell whether it obeyed."""
    try:
        process.send_signal(polite)
        process.send_signal(signal.SIGCONT)  # a paused process hears nothing
        process.wait(patience_s)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(patience_s)
        return False
    return True
