"""One thing that was looked at: how it is, and what to type if it is not well."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from consumers.errors import ConfigurationError, DispatcherError, ServiceUnreachable


class Verdict(StrEnum):
    """How it is. A warning is worth a look and breaks no promise."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found; `exit_code` is what a failure is worth: 7 unreachable, 3 to be mended."""

    check: str
    verdict: Verdict
    says: str
    cure: str = ""
    exit_code: int = 0

    UNREACHABLE: ClassVar[int] = ServiceUnreachable.exit_code
    CONFIGURATION: ClassVar[int] = ConfigurationError.exit_code


def ok(check: str, says: str) -> Finding:
    """Return that all is well."""
    return Finding(check=check, verdict=Verdict.OK, says=says)


def warn(check: str, says: str, cure: str) -> Finding:
    """Return something worth a look."""
    return Finding(check=check, verdict=Verdict.WARN, says=says, cure=cure)


def fail(check: str, says: str, cure: str, code: int = Finding.CONFIGURATION) -> Finding:
    """Return something that has to be mended; with `code` 7 a service to be started."""
    return Finding(check=check, verdict=Verdict.FAIL, says=says, cure=cure, exit_code=code)


def failed(check: str, error: DispatcherError, cure: str) -> Finding:
    """Return an error as what it says."""
    code = (
        Finding.UNREACHABLE
        if error.exit_code == ServiceUnreachable.exit_code
        else Finding.CONFIGURATION
    )
    return fail(check, str(error), cure, code)


def age(seconds: float) -> str:
    """Return a length of time for a reader."""
    whole = max(0, round(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if whole >= 2 * size:
            return f"{whole // size} {unit}"
    return f"{whole} s"
