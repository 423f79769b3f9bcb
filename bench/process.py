"""Processes under test: one task each, told by JSON, answering with a line of JSON."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.results import Run

_PATIENCE_S: Final = 6 * 3600.0
"""Ten million events are verified by one process in more than one hour."""
_KIB_PER_MIB: Final = 1024


class TaskFailedError(Exception):
    """A process under test ended without a result."""


def run_task(task: str, **told: Any) -> dict[str, Any]:  # noqa: ANN401 -- whatever JSON can say
    """Run a task to its end and return its answer, with `spawned_at` of the monotonic clock."""
    spawned_at = time.monotonic()
    with running_task(task, **told) as process:
        output, _ = process.communicate(timeout=_PATIENCE_S)
    if process.returncode != 0:
        raise TaskFailedError(f"{task} ended with {process.returncode}: {output[-2000:]}")
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return {"spawned_at": spawned_at, **answer}


def measured(task: str, **told: Any) -> Run:  # noqa: ANN401 -- as above
    """Run a task whose answer is a `Run`."""
    answer = run_task(task, **told)
    return Run(
        answer["records"],
        answer["seconds"],
        answer["peak_memory_mib"],
        answer.get("processor_seconds"),
    )


@contextmanager
def running_task(task: str, **told: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401 -- as above
    """Run a task beside us; killed at the end where it has not ended by itself."""
    process = subprocess.Popen(  # noqa: S603 -- our own module
        [sys.executable, "-m", "bench.task", task, json.dumps(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def answer(**said: Any) -> None:  # noqa: ANN401 -- as above
    """Say something to whoever runs this task."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def peak_memory_mib() -> float:
    """Return the most memory that this process has held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: getrusage would count what our parent held when it forked
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / _KIB_PER_MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MIB**2
