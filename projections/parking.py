"""Parking: an event that cannot be applied waits in its bytes, and its account's later ones too."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

import psycopg

from events.projection import ProjectionFailed
from projections.copying import copy_text
from projections.dead_letters import headers_json
from projections.failures import failure_id
from projections.record import Record, account_of
from projections.session import Connection, Cursor, copy_in
from projections.stage import Json, columns_of

_ERROR_LENGTH_MAX: Final = 2000


class FailureRecorder(Protocol):
    """Where failures go: `projection.failures`."""

    def __call__(self, failure: ProjectionFailed, /) -> None:
        """Return once Kafka has acknowledged `failure`; raise anything when it has not."""
        ...


class ParkedRow(NamedTuple):
    """One waiting event; `failure_id`, `sqlstate` and `error` only on the one that failed."""

    projection: str
    topic: str
    partition: int
    log_offset: int
    account_name: str
    event_type: str | None
    key: bytes | None
    value: bytes | None
    headers: Json
    failure_id: UUID | None
    sqlstate: str | None
    error: str | None


def projection_failed(
    projection: str, record: Record, error: Exception, *, occurred_at: datetime, build: str
) -> ProjectionFailed:
    """Return the event that says so: one id per projection and record, however often it fails."""
    origin = record.origin
    return ProjectionFailed(
        event_id=failure_id(projection, origin),
        projection=projection,
        account_name=account_of(origin.topic),
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        event_type=record.event_type,
        sqlstate=error.sqlstate if isinstance(error, psycopg.Error) else None,
        error=_error_text(error),
        occurred_at=occurred_at,
        build=build,
    )


def parked_row(projection: str, record: Record, failure: ProjectionFailed | None) -> ParkedRow:
    """Return the row of a record that waits; `failure` if it is the one that failed."""
    return ParkedRow(
        projection=projection,
        topic=record.origin.topic,
        partition=record.origin.partition,
        log_offset=record.origin.offset,
        account_name=account_of(record.origin.topic) or "",
        event_type=record.event_type,
        key=record.key,
        value=record.value,
        headers=headers_json(record.headers),
        failure_id=None if failure is None else failure.event_id,
        sqlstate=None if failure is None else failure.sqlstate,
        error=None if failure is None else failure.error,
    )


def parked_topics(connection: Connection, projection: str) -> frozenset[str]:
    """Return the topics of which something waits: what comes next in them waits behind it.

    A topic is one account's log, or belongs to no account and waits as a whole.
    """
    return topics_in(ask_parked_topics(connection, projection))


def ask_parked_topics(connection: Connection, projection: str) -> Cursor:
    """Send what `parked_topics` asks; the answer is for `topics_in`."""
    return connection.execute(
        "SELECT DISTINCT topic FROM parked_events WHERE projection = %s", (projection,)
    )


def topics_in(answer: Cursor) -> frozenset[str]:
    """Return the topics that PostgreSQL answered."""
    return frozenset(str(topic) for (topic,) in answer)


def park(connection: Connection, rows: Sequence[ParkedRow]) -> None:
    """Write waiting events, in a transaction whose commit waits until they are on disk."""
    connection.execute("SET LOCAL synchronous_commit = on")
    copy_in(connection, f"COPY parked_events ({columns_of(ParkedRow)}) FROM STDIN", copy_text(rows))


def _error_text(error: BaseException) -> str:
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        detail = error.diag.message_detail
        told = error.diag.message_primary + (f" ({detail})" if detail else "")
    else:
        told = str(error)
    return f"{type(error).__name__}: {' '.join(told.split())}"[:_ERROR_LENGTH_MAX]
