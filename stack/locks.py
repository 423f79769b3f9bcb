"""One process at a time, by a lock that ends with its process."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.errors import StackBusyError

_POLL_S = 0.1


@contextmanager
def exclusive(file: Path, *, timeout_s: float, waiting: Callable[[], None]) -> Iterator[int]:
    """Hold the lock on `file` (made if absent); `waiting` is called once if another has it.

    Gives the lock's file descriptor: a child process that inherits it keeps the lock too.

    Raises StackBusyError when the other still has it after `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    told = False
    with file.open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackBusyError(
                        f"Another process has held {file} for {timeout_s:.0f} s: "
                        "wait until it is done, or stop it."
                    ) from None
            if not told:
                told = True
                waiting()
            time.sleep(_POLL_S)
        yield handle.fileno()
