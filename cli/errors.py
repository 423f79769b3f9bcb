"""The one edge where errors become a sentence on stderr and an exit code."""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

from consumers.errors import DispatcherError

BUG: Final = 1
CONFIGURATION: Final = 3
UNREACHABLE: Final = 7
INTERRUPTED: Final = 130

_ELSEWHERE: Final = {
    # other packages' errors, by full name: importing them here would slow down every command
    "stack.errors.StackConfigError": CONFIGURATION,
    "stack.errors.StackError": UNREACHABLE,
    "migrations.errors.DatabaseUnreachable": UNREACHABLE,
    "migrations.errors.DatabaseBusy": UNREACHABLE,
    "migrations.errors.MigrationFailed": CONFIGURATION,
    "projections.faults.DatabaseUnavailable": UNREACHABLE,
    "projections.faults.FailureNotRecorded": UNREACHABLE,
    "projections.faults.LogUnavailable": UNREACHABLE,
    "projections.faults.StatementRefused": CONFIGURATION,
}


def run_guarded(command: Callable[[], object]) -> NoReturn:
    """Run `command` and end the process: what we know by one sentence, a bug by its traceback."""
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 -- this is the edge
        code = exit_code_of(error)
        if code is None:
            traceback.print_exc()
            sys.stderr.write("This is a bug in Dispatcher: please report the lines above.\n")
            sys.exit(BUG)
        report(error, code, as_json="--json" in sys.argv[1:])
        sys.exit(code)
    sys.exit(0)


def exit_code_of(error: Exception) -> int | None:
    """Return the exit code of an error that we have a sentence for, None for any other."""
    if isinstance(error, DispatcherError):
        return error.exit_code
    for kind in type(error).__mro__:
        code = _ELSEWHERE.get(f"{kind.__module__}.{kind.__qualname__}")
        if code is not None:
            return code
    return None


def report(error: Exception, code: int, *, as_json: bool) -> None:
    """Write the error to stderr: as one sentence, or as ``{"error": {…}}``."""
    sentence = " ".join(str(error).split())  # drivers like to say theirs on several lines
    if as_json:
        said = {"type": type(error).__name__, "message": sentence, "exit_code": code}
        sys.stderr.write(json.dumps({"error": said}, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"{sentence}\n")
