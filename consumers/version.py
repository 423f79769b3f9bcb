"""Which build this is: the version, and the commit where the build recorded one."""

import os
from importlib.metadata import PackageNotFoundError, version


def build() -> str:
    """Return the version, with ``+commit`` where DISPATCHER_BUILD_COMMIT names it."""
    try:
        number = version("dispatcher")
    except PackageNotFoundError:
        number = "0.0.0"
    commit = os.environ.get("DISPATCHER_BUILD_COMMIT", "")
    return f"{number}+{commit}" if commit else number
