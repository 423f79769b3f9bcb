"""`recommendation_status`: what each account made of each recommendation, and why."""

from collections.abc import Iterable
from typing import Final

from events.decision import RecommendationDeclined, RecommendationFailed
from events.envelope import Envelope, Origin
from events.identifiers import Leg
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
)
from projections.finished_statuses import StatusesFinisher
from projections.precedence import earliest, latest
from projections.projection import Projection, Readable
from projections.stage import OtherHalf, Row, Stage, keep_first
from projections.status_rows import DecisionRow, StatusRow
from projections.texts import gates_declined, gates_json, json_text

_OPEN: Final = 0
_END: Final = 1
_EXECUTED: Final = 2


def rows(event: Readable, origin: Origin) -> Iterable[Row]:
    """Return what an event says about its recommendation; stops and targets say nothing."""
    envelope: Envelope | None = getattr(event, "envelope", None)
    if envelope is None or envelope.recommendation_id is None:
        return
    if envelope.leg not in (Leg.ENTRY, None):
        return
    if isinstance(event, OrderIntended | RecommendationDeclined):
        yield _decision(event, envelope.recommendation_id, origin.offset)
    told = _told(event)
    if told is None:
        return
    rank, status, reason = told
    weigh = latest if rank == _OPEN else earliest
    yield StatusRow(
        recommendation_id=envelope.recommendation_id,
        account_name=envelope.account_name,
        status=status,
        status_at=envelope.occurred_at,
        status_offset=origin.offset,
        status_precedence=weigh(rank, origin.offset),
        failure_reason=reason,
        client_order_id=_client_order_id(event),
    )


def _told(event: Readable) -> tuple[int, str, str | None] | None:  # noqa: C901, PLR0911 -- one answer per event
    match event:
        case OrderIntended():
            return _OPEN, "pending", None
        case OrderResent():
            return _OPEN, "pending", event.reason
        case OrderAccepted():
            return _OPEN, "accepted", None
        case OrderOutcomeUnknown():
            return _OPEN, "unresolved", event.how
        case RecommendationDeclined():
            return _END, "declined", _declined_because(event)
        case OrderRejected():
            return _END, "rejected", event.message
        case RecommendationFailed():
            return _END, "failed", event.error
        case OrderFilled():
            return _EXECUTED, "executed", None
        case OrderCanceled() | OrderExpired() if event.cumulative_quantity > 0:
            return _EXECUTED, "executed", None
        case OrderCanceled():
            return _END, "expired", "cancelled without a fill"
        case OrderExpired():
            return _END, "expired", "expired without a fill"
        case _:
            return None


def _decision(
    event: OrderIntended | RecommendationDeclined, recommendation_id: int, offset: int
) -> DecisionRow:
    about = event.terms if isinstance(event, OrderIntended) else event
    declined = event.declined_by if isinstance(event, RecommendationDeclined) else None
    return DecisionRow(
        recommendation_id=recommendation_id,
        account_name=event.envelope.account_name,
        ticker=about.ticker,
        action=about.action,
        instrument_type=about.instrument_type,
        strategy_type=event.strategy_type,
        decided_at=event.envelope.occurred_at,
        declined_by=None if declined is None else json_text(declined),
        gates=gates_json(event.gates),
        dispatcher_run_id=event.envelope.dispatcher_run_id,
        decision_offset=offset,
    )


def _declined_because(event: RecommendationDeclined) -> str:
    said = [f"{gate.gate}: {gate.reason}" for gate in gates_declined(event.gates)]
    return "; ".join(said or event.declined_by)


def _client_order_id(event: Readable) -> str | None:
    if isinstance(event, OrderIntended):
        return event.terms.client_order_id
    return getattr(event, "client_order_id", None)


_DECISIONS: Final = Stage(
    name="stage_decisions",
    row=DecisionRow,
    merges=(
        keep_first(
            "recommendation_status",
            "stage_decisions",
            DecisionRow,
            key=("recommendation_id", "account_name"),
            order="decision_offset",
            other=OtherHalf(
                columns={
                    "status": "coalesce(told.status, 'pending')",
                    "status_at": "told.status_at",
                    "status_offset": "told.status_offset",
                    "status_precedence": "told.status_precedence",
                    "failure_reason": "told.failure_reason",
                    "client_order_id": "told.client_order_id",
                },
                joins="""
LEFT JOIN (
    SELECT DISTINCT ON (recommendation_id, account_name)
        recommendation_id, account_name, status, status_at, status_offset, status_precedence,
        failure_reason, client_order_id
    FROM stage_statuses
    ORDER BY recommendation_id, account_name, status_precedence DESC
) AS told USING (recommendation_id, account_name)""",
            ),
        ),
    ),
)

_STATUSES: Final = Stage(
    name="stage_statuses",
    row=StatusRow,
    merges=(
        """
INSERT INTO recommendation_status AS t (
    recommendation_id, account_name, status, status_at, status_offset, status_precedence,
    failure_reason, client_order_id
)
SELECT DISTINCT ON (recommendation_id, account_name)
    recommendation_id, account_name, status, status_at, status_offset, status_precedence,
    failure_reason, client_order_id
FROM stage_statuses
ORDER BY recommendation_id, account_name, status_precedence DESC
ON CONFLICT (recommendation_id, account_name) DO UPDATE SET
    status = excluded.status,
    status_at = excluded.status_at,
    status_offset = excluded.status_offset,
    status_precedence = excluded.status_precedence,
    failure_reason = excluded.failure_reason,
    client_order_id = excluded.client_order_id
WHERE t.status_precedence IS NULL OR excluded.status_precedence > t.status_precedence
""",
    ),
)

STATUS: Final = Projection(
    name="status",
    reads_logs=True,
    events=frozenset(
        {
            OrderIntended,
            RecommendationDeclined,
            OrderResent,
            OrderAccepted,
            OrderOutcomeUnknown,
            OrderRejected,
            RecommendationFailed,
            OrderFilled,
            OrderCanceled,
            OrderExpired,
        }
    ),
    tables=("recommendation_status",),
    stages=(_DECISIONS, _STATUSES),
    rows=rows,
    finisher=StatusesFinisher,
    live_finisher=StatusesFinisher,
)
"""One status per recommendation and account: its first end stays, a fill above all."""
