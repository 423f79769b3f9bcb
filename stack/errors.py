"""What can go wrong with the stack, told apart by what the caller must do about it."""


class StackError(Exception):
    """Say in one sentence what failed, why, and what to do."""


class StackConfigError(StackError):
    """The directory, a port or the machine's set-up must be changed by the user first."""


class DownloadError(StackError):
    """A file could not be downloaded or is not the pinned one: try again later."""


class ServerError(StackError):
    """A server died, or did not answer in time: read its log file."""


class StackBusyError(StackError):
    """Another process is starting or stopping this stack: wait for it."""
