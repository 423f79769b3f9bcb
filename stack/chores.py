"""Short programs that make a server's data folder before its first start."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stack.locks import exclusive
from stack.processes import OURSELVES, Owner, inherited_environment

_LOCK_TIMEOUT_S = 120
_CHORE_TIMEOUT_S = 120


@contextmanager
def alone(home: Path) -> Iterator[int]:
    """Make sure that no chore is under way in a server's folder, not even of a killed starter.

    Gives the lock, which `run` hands on to the chore. Raises StackBusyError after two minutes.
    """
    lock = home / "chore.lock"
    with exclusive(lock, timeout_s=_LOCK_TIMEOUT_S, waiting=lambda: None) as descriptor:
        yield descriptor


def run(
    command: Sequence[str],
    *,
    lock: int,
    directory: Path,
    log_file: Path | None,
    owner: Owner = OURSELVES,
) -> int:
    """Run a chore to its end and give its exit code; its output goes to `log_file`, or nowhere.

    Raises subprocess.TimeoutExpired after two minutes.
    """
    with (log_file or Path("/dev/null")).open("w") as output:
        return subprocess.run(  # noqa: S603 - our own command lines
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=inherited_environment(),
            cwd=directory,
            timeout=_CHORE_TIMEOUT_S,
            check=False,
            pass_fds=[lock],  # should we be killed, the chore holds the lock until it is done
            user=owner.uid,
            group=owner.gid,
            extra_groups=owner.groups,
        ).returncode
