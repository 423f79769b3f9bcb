"""What every event of an account's log carries around its data."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.identifiers import Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The record that an event answers: where it was read."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who says it, when, about what, because of what.

    `event_id` is derived (see `events.identifiers.event_id`); `occurred_at` is UTC, to the
    microsecond; `correlation_id` names the recommendation or run that all of it belongs to,
    `causation_id` the event that caused this one.
    """

    event_id: UUID
    account_name: str
    occurred_at: datetime
    recommendation_id: int | None = None
    leg: Leg | None = None
    correlation_id: str
    causation_id: str | None = None
    source: Origin | None = None
    dispatcher_run_id: UUID
    config_hash: str
    build: str
