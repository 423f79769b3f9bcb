"""What waits because it could not be applied: list it, show it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from events.envelope import Origin
from projections.dead_letter import Headers
from projections.session import Connection

_QUEUES = """
SELECT
    q.projection, q.topic, q.account_name, q.events, q.first_offset, q.last_offset,
    head.event_type, head.sqlstate, head.error,
    failure.occurred_at AS failed_at
FROM (
    SELECT
        projection, topic, account_name,
        count(*) AS events, min(log_offset) AS first_offset, max(log_offset) AS last_offset
    FROM parked_events
    GROUP BY projection, topic, account_name
) AS q
JOIN parked_events AS head
  ON head.projection = q.projection
 AND head.topic = q.topic
 AND head.log_offset = q.first_offset
LEFT JOIN dispatch_failures AS failure ON failure.event_id = head.failure_id
ORDER BY q.projection, q.topic
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedQueue:
    """What waits of one topic in one projection, and the failure at its head.

    `account_name` is '' where the topic belongs to no account. `failed_at` is when its head failed
    first; None where that is not in `dispatch_failures` yet, or the head only waits for a retry.
    """

    projection: str
    topic: str
    account_name: str
    events: int
    first_offset: int
    last_offset: int
    event_type: str | None
    sqlstate: str | None
    error: str | None
    failed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """One waiting event in its bytes; `error` only on one that failed."""

    origin: Origin
    event_type: str | None
    key: bytes | None
    value: bytes | None
    headers: Headers
    failed: bool
    sqlstate: str | None
    error: str | None


def list_parked(connection: Connection) -> list[ParkedQueue]:
    """Return every queue of waiting events, by projection and topic."""
    with connection.cursor(row_factory=class_row(ParkedQueue)) as cursor:
        return cursor.execute(_QUEUES).fetchall()


def count_parked(connection: Connection, projection: str, topic: str) -> int:
    """Return how many events of `topic` wait in `projection`."""
    query = "SELECT count(*) FROM parked_events WHERE projection = %s AND topic = %s"
    found: list[Any] = connection.execute(query, (projection, topic)).fetchall()
    return int(found[0][0])


def show_parked(
    connection: Connection, projection: str, topic: str, *, first: int | None = None
) -> list[ParkedEvent]:
    """Return what waits of `topic` in `projection`, in the log's order: all, or the `first`."""
    found: list[Any] = connection.execute(
        """
        SELECT partition, log_offset, event_type, key, value, headers, failure_id, sqlstate, error
        FROM parked_events
        WHERE projection = %s AND topic = %s
        ORDER BY partition, log_offset
        LIMIT %s
        """,
        (projection, topic, first),
    ).fetchall()
    return [
        ParkedEvent(
            origin=Origin(topic=topic, partition=partition, offset=offset),
            event_type=event_type,
            key=key,
            value=value,
            headers=tuple(
                (name, None if text is None else bytes.fromhex(text)) for name, text in headers
            ),
            failed=failed is not None,
            sqlstate=sqlstate,
            error=error,
        )
        for partition, offset, event_type, key, value, headers, failed, sqlstate, error in found
    ]
