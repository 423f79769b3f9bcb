"""Whether a process's loop still turns: it leaves heartbeats in a file, others look at their age.

A heartbeat says that the loop turns, not that Kafka or PostgreSQL answer: `dispatcher doctor` asks
them. The clock is the machine's own: a corrected wall clock makes nobody look dead or alive.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consumers.clock import SystemClock
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.logs import get_log

HEALTH_VARIABLE: Final = "DISPATCHER_HEALTH_FILE"
BEAT_EVERY_S: Final = 1.0


class Heartbeat:
    """The beating side: cheap enough for every turn of a loop, it writes once a second at most."""

    def __init__(self, file: Path | None) -> None:
        """Beat into `file`; with None `beat` does nothing."""
        self._file = file
        self._due_s = 0.0
        self._clock = SystemClock()

    def beat(self) -> None:
        """Say that the loop turns. A file that cannot be written stops no loop."""
        now_s = self._clock.elapsed_s()
        if self._file is None or now_s < self._due_s:
            return
        self._due_s = now_s + BEAT_EVERY_S
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps({"pid": os.getpid(), "beat_at_s": now_s}), "utf-8")
            beside.replace(self._file)
        except OSError as error:
            get_log().warning("heartbeat_not_written", file=str(self._file), error=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The last heartbeat: whose, and how long ago."""

    pid: int
    age_s: float


def health_file(environ: Mapping[str, str]) -> Path | None:
    """Return the file that DISPATCHER_HEALTH_FILE names, None where it names none."""
    named = environ.get(HEALTH_VARIABLE)
    return Path(named) if named else None


def check_health(file: Path | None, max_age_s: float) -> Health:
    """Return the last heartbeat in `file`.

    Raises:
        ConfigurationError: There is no file to look at.
        ServiceUnreachable: Nothing has beaten there for `max_age_s`.
    """
    if file is None:
        raise ConfigurationError(f"no heartbeat to look at: name its file in {HEALTH_VARIABLE}")
    try:
        found = json.loads(file.read_text("utf-8"))
        pid, beat_at_s = int(found["pid"]), float(found["beat_at_s"])
    except FileNotFoundError:
        raise ServiceUnreachable(
            f"no heartbeat in {file}: the process has not started, or runs without "
            f"{HEALTH_VARIABLE}; its log says more"
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ServiceUnreachable(
            f"the heartbeat in {file} cannot be read ({type(error).__name__}): is that its file?"
        ) from None
    age_s = SystemClock().elapsed_s() - beat_at_s
    if age_s < 0:
        raise ServiceUnreachable(
            f"the heartbeat of process {pid} is from before this machine started: start it again"
        )
    if age_s > max_age_s:
        raise ServiceUnreachable(
            f"the loop of process {pid} has not turned for {age_s:.0f} s (at most {max_age_s:g} s "
            "are well): read its log, then stop it and start it again"
        )
    return Health(pid=pid, age_s=round(age_s, 3))
