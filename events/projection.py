"""What a projection could not apply, and how that was settled: the topic `projection.failures`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionFailed:
    """One event could not become rows; later events of its account wait behind it.

    `event_id` is derived from projection, topic, partition and offset, so saying it twice is
    saying it once. `sqlstate` is PostgreSQL's, None for a bug in our own row function.
    """

    event_id: UUID
    projection: str
    account_name: str | None = None
    topic: str
    partition: int
    offset: int
    event_type: str | None = None
    sqlstate: str | None = None
    error: str
    occurred_at: datetime
    build: str


class Settlement(StrEnum):
    """How a parked event was settled."""

    UNKNOWN = "UNKNOWN"
    RETRIED = "RETRIED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionSettled:
    """A parked event was applied after all, or skipped for a reason."""

    event_id: UUID
    projection: str
    account_name: str | None = None
    topic: str
    partition: int
    offset: int
    settlement: Settlement
    reason: str
    by: str
    occurred_at: datetime
