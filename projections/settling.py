"""What retrying and skipping share: the checkpoint held, a parked event let go, its settlement."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from events.envelope import Origin
from events.projection import ProjectionSettled, Settlement
from projections.failures import settlement_id
from projections.faults import FailureNotRecorded
from projections.record import account_of
from projections.session import Connection

_T = TypeVar("_T")

ONE_PARKED: Final = "WHERE projection = %s AND topic = %s AND partition = %s AND log_offset = %s"
"""The condition that names one parked event."""


def lock_checkpoint(connection: Connection, projection: str, topic: str) -> None:
    """Make the projector wait at `topic` until the transaction ends, and wait for it first."""
    connection.execute(
        "SELECT 1 FROM projection_checkpoints WHERE projection = %s AND topic = %s FOR UPDATE",
        (projection, topic),
    )


def let_go(connection: Connection, projection: str, origin: Origin) -> None:
    """Let a parked event wait no longer."""
    connection.execute(
        f"DELETE FROM parked_events {ONE_PARKED}",  # noqa: S608 -- a constant of ours
        (projection, origin.topic, origin.partition, origin.offset),
    )


def let_go_up_to(connection: Connection, projection: str, last: Origin) -> None:
    """Let everything that is parked of the partition wait no longer, up to the event at `last`."""
    connection.execute(
        "DELETE FROM parked_events"
        " WHERE projection = %s AND topic = %s AND partition = %s AND log_offset <= %s",
        (projection, last.topic, last.partition, last.offset),
    )


def settled_as(
    settlement: Settlement, projection: str, origin: Origin, *, reason: str, by: str, at: datetime
) -> ProjectionSettled:
    """Return the event that a failure of `projection` at `origin` is over."""
    return ProjectionSettled(
        event_id=settlement_id(projection, origin),
        projection=projection,
        account_name=account_of(origin.topic),
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        settlement=settlement,
        reason=reason,
        by=by,
        occurred_at=at,
    )


def tell(record: Callable[[_T], None], event: _T) -> None:
    """Record `event` in Kafka.

    Raises:
        FailureNotRecorded: Kafka did not acknowledge it.
    """
    try:
        record(event)
    except Exception as unheard:
        raise FailureNotRecorded(
            f"Kafka did not acknowledge a {type(event).__name__}: {unheard}"
        ) from unheard
