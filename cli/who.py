"""Who gives a command, as far as the system knows."""

import getpass
import os


def who() -> str:
    """Return the name of whoever is logged in; a container's user may have none: ``uid 10001``."""
    try:
        return getpass.getuser()  # noqa: TID251 -- here a user without a name is seen to
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
