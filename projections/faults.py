"""What can stop a projection, told apart by what helps: waiting, parking, or nothing."""

from typing import Final

import psycopg

_ABOUT_THE_ROW: Final = frozenset(
    {
        "21",  # cardinality violation
        "22",  # data exception
        "23",  # integrity constraint violation
        "27",  # triggered data change
        "2F",  # SQL routine exception
        "38",  # external routine exception
        "39",  # external routine invocation
        "44",  # WITH CHECK OPTION violation
        "54",  # program limit exceeded: a row or an index entry is too large
        "P0",  # raised by a trigger or a function
    }
)

_A_BUILD_OF_ITS_OWN: Final = ("42", "0A", "26")
"""Syntax and names, unsupported features, unknown prepared statements: no wait mends these."""
_MENDED_FROM_OUTSIDE: Final = frozenset(
    {
        "42P01",  # undefined table: a migration brings it
        "42703",  # undefined column: likewise
        "42501",  # insufficient privilege: somebody grants it
    }
)


class Unavailable(Exception):  # noqa: N818 -- says what the thing is that must answer
    """Wait and try the same again: nothing is wrong with the events."""


class DatabaseUnavailable(Unavailable):
    """PostgreSQL cannot answer, or lacks a table that a migration brings; `sqlstate` if it said."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class FailureNotRecorded(Unavailable):
    """Kafka did not acknowledge a `ProjectionFailed`, so the event it is about is not parked."""


class CheckpointRewound(Unavailable):
    """PostgreSQL lost its last commits in a crash: read again from the checkpoints it still has."""


class PassedBy(Unavailable):
    """The reader is past what this projection has not seen yet: read again from its checkpoints."""


class FoldBehind(Unavailable):
    """There is more of the past to fold than one go reads: the next go carries on."""


class LogUnavailable(Unavailable):
    """The log, which a fold has to read once more, cannot be read now."""


class CheckpointLost(Exception):  # noqa: N818 -- says what happened
    """Stop: another projector has moved this projection's checkpoint and goes on from there."""


class StatementRefused(Exception):  # noqa: N818 -- says what happened
    """Stop: PostgreSQL will never take this build's statement; its tables are another build's."""


def is_about_the_row(error: BaseException) -> bool:
    """Say whether `error` would come again with this event, whatever the state of the database.

    Everything that is not surely the event's fault (a lost connection, a full disk, a deadlock, a
    table that is missing) is waited for: parking would only spread it over every account.
    """
    if not isinstance(error, psycopg.Error):
        return isinstance(error, Exception) and not isinstance(
            error, (MemoryError, Unavailable, CheckpointLost, StatementRefused)
        )
    if error.sqlstate is not None:
        return error.sqlstate[:2] in _ABOUT_THE_ROW
    return isinstance(error, psycopg.DataError)


def unavailable(error: psycopg.Error) -> DatabaseUnavailable | StatementRefused:
    """Return a failure of PostgreSQL as something to wait for, or to stop for, in one sentence."""
    told = " ".join(str(error).split()) or type(error).__name__
    state = error.sqlstate
    if (
        state is not None
        and state.startswith(_A_BUILD_OF_ITS_OWN)
        and state not in _MENDED_FROM_OUTSIDE
    ):
        return StatementRefused(
            f"PostgreSQL refuses a statement of this build ({state}): {told}; nothing was applied. "
            "Its tables are not those that this build knows: see `dispatcher migrate --status`"
        )
    asks = "" if state else "; is it up, and postgres.dsn right?"
    return DatabaseUnavailable(f"PostgreSQL cannot answer: {told}{asks}", state)
