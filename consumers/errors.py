"""What can go wrong, told apart by what the caller must do; each class carries its exit code.

Every error is raised with one sentence: what failed, why, and what to do about it.
"""

from typing import ClassVar


class DispatcherError(Exception):
    """Anything that we can put into one sentence; its subclasses say what to do about it."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(DispatcherError):
    """Change the configuration, the topics or the registered schemas; trying again is no help."""

    exit_code = 3


class BadInputError(DispatcherError):
    """Correct the input; nothing of it was used."""

    exit_code = 4


class NotFoundError(DispatcherError):
    """Ask for something else: what was asked for does not exist."""

    exit_code = 5


class DifferenceFound(DispatcherError):  # noqa: N818 -- an answer that was asked for, no error of ours
    """Look at the difference: a check found one."""

    exit_code = 6


class ServiceUnreachable(DispatcherError):  # noqa: N818 -- says what the service is
    """Start the service, or wait for it, and try the same again."""

    exit_code = 7


class SeatLost(DispatcherError):  # noqa: N818 -- says what happened to the seat
    """Drop everything unsaved and stand in line again: another process may have the seat."""

    exit_code = 8


class Fenced(SeatLost):
    """Stop: another process has taken the seat and this one can write no more."""


class Refused(DispatcherError):  # noqa: N818 -- says what was done to the wish
    """Do not insist: the rules, or the state of the account, forbid it."""

    exit_code = 9
