"""The peers' own Python, made of their hashed lock when it is first asked for."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Final

from bench.process import TaskFailedError
from bench.results import Run

_HERE: Final = Path(__file__).parent
LOCK: Final = _HERE / "requirements.lock"
_VENV: Final = _HERE / ".venv"
_READY: Final = _VENV / "ready.lock"
_PATIENCE_S: Final = 3600.0
_SETTINGS: Final = {"PGOPTIONS": "-c synchronous_commit=off"}
"""What our projector sets for itself: every peer's commits wait for the disk no more than ours."""


def python_of_peers() -> Path:
    """Return their interpreter; make their environment anew where it is not of this lock."""
    if not _READY.exists() or _READY.read_bytes() != LOCK.read_bytes():
        sys.stderr.write(f"Setting up {_VENV} from {LOCK.name} …\n")
        venv.create(_VENV, clear=True, with_pip=True)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run(  # noqa: S603 -- their own interpreter
            [_VENV / "bin" / "python", *install, "--require-hashes", "-r", LOCK], check=True
        )
        _READY.write_bytes(LOCK.read_bytes())
    return _VENV / "bin" / "python"


def run_peer(program: str, **told: Any) -> Run:  # noqa: ANN401 -- whatever JSON can say
    """Run one of `programs` to its end and return what it says of itself."""
    done = subprocess.run(  # noqa: S603 -- our own program
        [python_of_peers(), _HERE / "programs" / f"{program}.py", json.dumps(told)],
        env={**os.environ, **_SETTINGS},
        stdout=subprocess.PIPE,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if done.returncode != 0:
        raise TaskFailedError(f"{program} ended with {done.returncode}: {done.stdout[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Run(said["records"], said["seconds"], said["peak_memory_mib"])
