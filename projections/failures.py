"""`dispatch_failures`: what went wrong, with an account, an order or a projection, and where."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from events import roles
from events.account import CommandRefused, IncidentRecorded
from events.decision import RecommendationFailed
from events.envelope import Origin
from events.identifiers import event_id
from events.order import OrderRejected
from events.projection import ProjectionFailed, ProjectionSettled
from events.topics import PROJECTION_FAILURES
from projections.projection import Projection, Readable
from projections.stage import Row, Stage, keep_first


class FailureRow(NamedTuple):
    """One failure, told by the event that recorded it."""

    event_id: UUID
    kind: str
    account_name: str | None
    recommendation_id: int | None
    client_order_id: str | None
    ticker: str | None
    stage: str | None
    code: str | None
    error: str
    occurred_at: datetime
    dispatcher_run_id: UUID | None
    build: str
    log_topic: str
    log_offset: int
    projection: str | None
    failed_topic: str | None
    failed_partition: int | None
    failed_offset: int | None


class SettlementRow(NamedTuple):
    """How a projection's failure was settled; `event_id` is the failure's."""

    event_id: UUID
    kind: str
    settlement: str
    settled_at: datetime
    settled_by: str
    settled_reason: str
    settled_offset: int


def failure_id(projection: str, origin: Origin) -> UUID:
    """Derive the id of `ProjectionFailed`: one per projection and record, however often told."""
    return event_id(projection, _subject(origin), None, roles.PARKED)


def settlement_id(projection: str, origin: Origin) -> UUID:
    """Derive the id of `ProjectionSettled`."""
    return event_id(projection, _subject(origin), None, roles.SETTLED)


def rows(event: Readable, origin: Origin) -> Iterable[Row]:
    """Return the row of an event that records a failure, or settles one."""
    match event:
        case RecommendationFailed():
            yield _of_account(
                event,
                origin,
                kind="recommendation_failed",
                ticker=event.ticker,
                stage=event.stage,
                error=event.error,
            )
        case OrderRejected():
            code = " ".join(str(part) for part in (event.status, event.code) if part is not None)
            yield _of_account(
                event,
                origin,
                kind="order_rejected",
                stage=event.rejection_class,
                code=code or None,
                error=event.message,
            )
        case IncidentRecorded():
            yield _of_account(event, origin, kind="incident", stage=event.kind, error=event.message)
        case CommandRefused():
            yield _of_account(
                event, origin, kind="command_refused", code=event.command_id, error=event.reason
            )
        case ProjectionFailed():
            yield _of_projection(event, origin)
        case ProjectionSettled():
            failed = Origin(topic=event.topic, partition=event.partition, offset=event.offset)
            yield SettlementRow(
                event_id=failure_id(event.projection, failed),
                kind="projection_failed",
                settlement=event.settlement,
                settled_at=event.occurred_at,
                settled_by=event.by,
                settled_reason=event.reason,
                settled_offset=origin.offset,
            )
        case _:
            return


def _subject(origin: Origin) -> str:
    return f"record:{origin.topic}/{origin.partition}/{origin.offset}"


def _of_account(  # noqa: PLR0913 -- each is a column
    event: RecommendationFailed | OrderRejected | IncidentRecorded | CommandRefused,
    origin: Origin,
    *,
    kind: str,
    error: str,
    ticker: str | None = None,
    stage: str | None = None,
    code: str | None = None,
) -> FailureRow:
    envelope = event.envelope
    return FailureRow(
        event_id=envelope.event_id,
        kind=kind,
        account_name=envelope.account_name,
        recommendation_id=envelope.recommendation_id,
        client_order_id=getattr(event, "client_order_id", None),
        ticker=ticker,
        stage=stage,
        code=code,
        error=error,
        occurred_at=envelope.occurred_at,
        dispatcher_run_id=envelope.dispatcher_run_id,
        build=envelope.build,
        log_topic=origin.topic,
        log_offset=origin.offset,
        projection=None,
        failed_topic=None,
        failed_partition=None,
        failed_offset=None,
    )


def _of_projection(event: ProjectionFailed, origin: Origin) -> FailureRow:
    return FailureRow(
        event_id=event.event_id,
        kind="projection_failed",
        account_name=event.account_name,
        recommendation_id=None,
        client_order_id=None,
        ticker=None,
        stage=event.event_type,
        code=event.sqlstate,
        error=event.error,
        occurred_at=event.occurred_at,
        dispatcher_run_id=None,
        build=event.build,
        log_topic=origin.topic,
        log_offset=origin.offset,
        projection=event.projection,
        failed_topic=event.topic,
        failed_partition=event.partition,
        failed_offset=event.offset,
    )


FAILURES: Final = Projection(
    name="failures",
    topics=frozenset({PROJECTION_FAILURES.name}),
    reads_logs=True,
    events=frozenset(
        {
            RecommendationFailed,
            OrderRejected,
            IncidentRecorded,
            CommandRefused,
            ProjectionFailed,
            ProjectionSettled,
        }
    ),
    tables=("dispatch_failures",),
    stages=(
        Stage(
            name="stage_failures",
            row=FailureRow,
            merges=(
                keep_first(
                    "dispatch_failures",
                    "stage_failures",
                    FailureRow,
                    key=("event_id",),
                    order="log_offset",
                ),
            ),
        ),
        Stage(
            name="stage_settlements",
            row=SettlementRow,
            merges=(
                keep_first(
                    "dispatch_failures",
                    "stage_settlements",
                    SettlementRow,
                    key=("event_id",),
                    order="settled_offset",
                ),
            ),
        ),
    ),
    rows=rows,
)
"""Failed recommendations, rejected orders, refused commands, incidents, failed projections."""
