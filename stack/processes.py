"""Start, recognise and end processes that outlive the one which started them."""

import os
import signal
import subprocess
import sys
import time
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

# Java finds no file with an umlaut in its path unless the locale is a UTF-8 one.
_LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
_LAUNCH_TIMEOUT_S = 2
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Owner:
    """The user a program runs as; without values: the user we are."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """The further groups: none for another user, ours as they are for ourselves."""
        return None if self.uid is None else []


OURSELVES = Owner()


@dataclass(frozen=True, slots=True)
class PidFile:
    """A file with a process number, which counts only while that process carries `mark`."""

    path: Path
    mark: str

    def recorded_pid(self) -> int | None:
        """Read the number in the file; None without a file, or when nothing was ever written.

        An empty file means that a launch is on its way, even if its starter was killed: waits
        for the number for at most two seconds.
        """
        deadline = time.monotonic() + _LAUNCH_TIMEOUT_S
        while True:
            try:
                text = self.path.read_text()
            except FileNotFoundError:
                return None
            if text.endswith("\n"):
                return int(text) if text.strip().isdecimal() else None
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL_S)

    def process(self) -> psutil.Process | None:
        """Find the living process; None if it is gone or its number belongs to another now."""
        pid = self.recorded_pid()
        if pid is None:
            return None
        try:
            process = psutil.Process(pid)
            # The mark is unique to one server of one stack: a recycled number cannot carry it.
            is_ours = self.mark in _command_line(process)
            return process if is_ours and not _is_over(process) else None
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
    owner: Owner = OURSELVES,
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
            user=owner.uid,
            group=owner.gid,
            extra_groups=owner.groups,
        )


def _command_line(process: psutil.Process) -> list[str]:
    """Return a process's command line, which is empty for a moment while `exec` replaces it."""
    deadline = time.monotonic() + _LAUNCH_TIMEOUT_S
    while not (found := process.cmdline()) and not _is_over(process):
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)
    return found


def inherited_environment() -> dict[str, str]:
    """Pick what a server may see of our environment: no secrets, no settings of other programs."""
    wanted = ("PATH", "HOME", "TZ", "LD_LIBRARY_PATH")
    inherited = {name: os.environ[name] for name in wanted if name in os.environ}
    return {**inherited, "LC_ALL": _LOCALE}


def end(process: psutil.Process, polite: signal.Signals, *, patience_s: float) -> bool:
    """Ask a process to end, and kill it after `patience_s` seconds; tell whether it obeyed."""
    try:
        process.send_signal(polite)
        process.send_signal(signal.SIGCONT)  # a paused process hears nothing
        if await_end(process, patience_s=patience_s):
            return True
        process.kill()
    except psutil.NoSuchProcess:
        return True
    await_end(process, patience_s=patience_s)
    return False


def await_end(process: psutil.Process, *, patience_s: float) -> bool:
    """Wait until a process is gone; tell whether it went within `patience_s` seconds."""
    deadline = time.monotonic() + patience_s
    while not _is_over(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def working_in(directory: Path) -> list[int]:
    """Find the processes whose working directory this is."""
    here = str(directory.resolve())
    return [
        process.pid
        for process in psutil.process_iter(["cwd"])
        if process.info["cwd"] == here and not _is_over(process)
    ]


def mentioning(text: str) -> list[int]:
    """Find the processes with `text` somewhere in their command line."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if text in " ".join(process.info["cmdline"] or ())
    ]


def _is_over(process: psutil.Process) -> bool:
    # A zombie has ended too (not every container has an init that clears them away), but only
    # with its last thread: until then the process may still hold its ports and files.
    try:
        if not process.is_running():
            return True
        return bool(process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1)
    except psutil.NoSuchProcess:
        return True
