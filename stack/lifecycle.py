"""Bring one server up or down."""

import time
from threading import Event

from stack import chores
from stack.errors import ServerError, StackError
from stack.logs import last_meaningful_line
from stack.processes import end
from stack.progress import Progress
from stack.server import Server

_ANSWER_WITHIN_S = 120
_STOP_PATIENCE_S = 15
_POLL_S = 0.05


class StartCancelledError(StackError):
    """The user interrupted a start; what runs already is left running."""


def bring_up(server: Server, progress: Progress, cancelled: Event) -> None:
    """Start a server that is not running, and wait until it answers.

    Raises ServerError when it ends or is still silent after two minutes, StartCancelledError
    soon after `cancelled` was set.
    """
    if server.pid_file.process() is None:
        _forget_stale(server, progress)
        server.launch(progress)
    deadline = time.monotonic() + _ANSWER_WITHIN_S
    while not server.answers():
        started = server.pid_file.recorded_pid() is not None
        if started and server.pid_file.process() is None:
            raise ServerError(
                f"{server.title} ended while starting: {last_meaningful_line(server.log_file)} "
                f"(see {server.log_file})."
            )
        if time.monotonic() > deadline:
            raise ServerError(
                f"{server.title} does not answer after {_ANSWER_WITHIN_S} s: "
                f"{last_meaningful_line(server.log_file)} (see {server.log_file})."
            )
        if cancelled.wait(_POLL_S):
            raise StartCancelledError(f"The start of {server.title} was interrupted.")


def bring_down(server: Server, progress: Progress) -> None:
    """Stop a server: ask, wait for at most 15 s, then kill. Forgets a stale pid file."""
    if not server.home.exists():
        return
    with chores.alone(server.home):
        process = server.pid_file.process()
    if process is None:
        _forget_stale(server, progress)
        return
    if not end(process, server.polite_signal, patience_s=_STOP_PATIENCE_S):
        progress.note(f"{server.title} did not stop within {_STOP_PATIENCE_S} s and was killed.")
    server.pid_file.forget()


def _forget_stale(server: Server, progress: Progress) -> None:
    pid = server.pid_file.recorded_pid()
    if pid is not None:
        progress.note(
            f"{server.title} had not been stopped in an orderly way: its process {pid} is gone, "
            "or that number belongs to another program, which is left alone."
        )
    server.pid_file.forget()
