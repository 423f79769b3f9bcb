"""The closed list of what an event can be to its subject: the last part of every event id.

Two records with one event id say the same thing twice; every fold keeps the first.
"""

from decimal import Decimal

DECISION = "decision"
"""`RecommendationDeclined` or `OrderIntended`: one decision per recommendation and leg."""

FAILED = "failed"
"""`RecommendationFailed`."""

ACCEPTED = "accepted"
REJECTED = "rejected"
CANCELED = "canceled"
EXPIRED = "expired"

OPENED = "opened"
STOPPED = "stopped"


def started(log_offset: int) -> str:
    """Return the role of `DispatcherStarted`: one run may take the seat several times."""
    return f"started-{log_offset}"


def attempt(number: int) -> str:
    """Return the role of `OrderResent` number `number` (the first POST is attempt 1)."""
    return f"attempt-{number}"


def outcome_unknown(number: int) -> str:
    """Return the role of `OrderOutcomeUnknown` of attempt `number`."""
    return f"unknown-{number}"


def fill_key(cumulative_quantity: Decimal) -> str:
    """Return what tells one fill of an order from another: the cumulative quantity after it.

    A websocket and an activity name one fill differently; its cumulative quantity is the same.
    """
    return f"{cumulative_quantity.normalize():f}"


def fill(cumulative_quantity: Decimal) -> str:
    """Return the role of `OrderFilled`."""
    return f"fill-{fill_key(cumulative_quantity)}"


def halt(cause: int | str) -> str:
    """Return the role of a change of an account's trading state: its cause, or its number."""
    return f"halt-{cause}"


def incident(kind: str) -> str:
    """Return the role of an `IncidentRecorded` of `kind`."""
    return f"incident-{kind}"


def adjusted(kind: str) -> str:
    """Return the role of a `PositionAdjusted` of `kind`."""
    return f"adjusted-{kind}"


RECONCILED = "reconciled"
IMPORTED = "imported"
COMMAND = "command"
PARKED = "parked"
SETTLED = "settled"
