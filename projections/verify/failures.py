"""`dispatch_failures`, as plain as it can be told."""

from typing import Any, ClassVar

from events.account import CommandRefused, IncidentRecorded
from events.catalog import AnyEvent
from events.decision import RecommendationFailed
from events.envelope import Origin
from events.identifiers import event_id
from events.order import OrderRejected
from events.projection import ProjectionFailed, ProjectionSettled
from projections.dead_letter import DeadLetter
from projections.verify.fold import ExpectedRow, ExpectedTable, Key
from projections.verify.json_values import storable


class FailuresFold:
    """`dispatch_failures`: the first record of an id stays, and the first settlement."""

    events: ClassVar = frozenset[type](
        {
            ProjectionSettled,
            ProjectionFailed,
            RecommendationFailed,
            OrderRejected,
            IncidentRecorded,
            CommandRefused,
        }
    )

    def __init__(self) -> None:
        """Start with no failures."""
        self._failed: dict[Key, ExpectedRow] = {}
        self._settled: dict[Key, ExpectedRow] = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up what failed, or was settled."""
        match event:
            case ProjectionSettled():
                key = _failure_of(event)
                self._settled.setdefault((key,), _settlement(event, origin.offset))
            case ProjectionFailed():
                self._failed.setdefault((event.event_id,), _projection(event, origin))
            case RecommendationFailed():
                self._add(
                    event,
                    origin,
                    kind="recommendation_failed",
                    ticker=event.ticker,
                    stage=event.stage.value,
                    error=event.error,
                )
            case OrderRejected():
                code = [str(part) for part in (event.status, event.code) if part is not None]
                self._add(
                    event,
                    origin,
                    kind="order_rejected",
                    stage=event.rejection_class.value,
                    code=" ".join(code) if code else None,
                    error=event.message,
                )
            case IncidentRecorded():
                self._add(event, origin, kind="incident", stage=event.kind, error=event.message)
            case CommandRefused():
                self._add(
                    event,
                    origin,
                    kind="command_refused",
                    code=event.command_id,
                    error=event.reason,
                )
            case _:
                pass

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        keys = self._failed.keys() | self._settled.keys()
        return {
            "dispatch_failures": {
                key: {
                    "event_id": key[0],
                    "kind": "projection_failed",
                    **self._settled.get(key, {}),
                    **self._failed.get(key, {}),
                }
                for key in keys
            }
        }

    def _add(self, event: Any, origin: Origin, *, error: str, **told: str | None) -> None:  # noqa: ANN401 -- of an account
        about = event.envelope
        row = {
            "account_name": about.account_name,
            "recommendation_id": about.recommendation_id,
            "client_order_id": getattr(event, "client_order_id", None),
            "error": storable(error),
            "occurred_at": about.occurred_at,
            "dispatcher_run_id": about.dispatcher_run_id,
            "build": about.build,
            "log_topic": origin.topic,
            "log_offset": origin.offset,
            **{name: None if text is None else storable(text) for name, text in told.items()},
        }
        self._failed.setdefault((about.event_id,), row)


def _projection(event: ProjectionFailed, origin: Origin) -> ExpectedRow:
    return {
        "account_name": event.account_name,
        "stage": event.event_type,
        "code": event.sqlstate,
        "error": storable(event.error),
        "occurred_at": event.occurred_at,
        "build": event.build,
        "log_topic": origin.topic,
        "log_offset": origin.offset,
        "projection": event.projection,
        "failed_topic": event.topic,
        "failed_partition": event.partition,
        "failed_offset": event.offset,
    }


def _settlement(event: ProjectionSettled, offset: int) -> ExpectedRow:
    return {
        "settlement": event.settlement.value,
        "settled_at": event.occurred_at,
        "settled_by": event.by,
        "settled_reason": storable(event.reason),
        "settled_offset": offset,
    }


def _failure_of(event: ProjectionSettled) -> object:
    subject = f"record:{event.topic}/{event.partition}/{event.offset}"
    return event_id(event.projection, subject, None, "parked")
