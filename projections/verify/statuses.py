"""`recommendation_status`, as plain as it can be told."""

from typing import Any, Final

from events.catalog import AnyEvent
from events.decision import RecommendationDeclined, RecommendationFailed, Verdict
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
from projections.dead_letter import DeadLetter
from projections.verify.decisions import gates
from projections.verify.fold import ExpectedRow, ExpectedTable, Key
from projections.verify.json_values import storable

_LATER_ONES_FOLLOW: Final = {"pending", "accepted", "unresolved"}


class StatusFold:
    """One status per recommendation and account: the first end stays, a fill above all."""

    def __init__(self) -> None:
        """Start with no recommendations."""
        self._decided: dict[Key, ExpectedRow] = {}
        self._stands: dict[Key, ExpectedRow] = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up what is about a recommendation's entry."""
        about: Envelope | None = getattr(event, "envelope", None)
        if about is None or about.recommendation_id is None:
            return
        if about.leg is not None and about.leg is not Leg.ENTRY:
            return
        key = (about.recommendation_id, about.account_name)
        if isinstance(event, OrderIntended | RecommendationDeclined) and key not in self._decided:
            self._decided[key] = _decision(event, origin.offset)
        said = _said(event)
        if said is not None:
            self._stand(key, event, origin.offset, *said)

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        keys = self._decided.keys() | self._stands.keys()
        return {
            "recommendation_status": {
                key: {
                    "recommendation_id": key[0],
                    "account_name": key[1],
                    **self._stands.get(key, {}),
                    **self._decided.get(key, {}),
                }
                for key in keys
            }
        }

    def _stand(
        self,
        key: Key,
        event: Any,  # noqa: ANN401 -- any event about a recommendation
        offset: int,
        status: str,
        reason: str | None,
    ) -> None:
        executed = status == "executed"
        before = self._stands.get(key)
        if before is not None:
            settled = before["status"] not in _LATER_ONES_FOLLOW
            if settled and (not executed or before["status"] == "executed"):
                return
        rank = 0 if status in _LATER_ONES_FOLLOW else 2 if executed else 1
        order: str | None = getattr(event, "client_order_id", None)
        self._stands[key] = {
            "status": status,
            "status_at": event.envelope.occurred_at,
            "status_offset": offset,
            "status_precedence": rank * 2**56 + (offset if rank == 0 else 2**55 - offset),
            "failure_reason": None if reason is None else storable(reason),
            "client_order_id": (
                event.terms.client_order_id if isinstance(event, OrderIntended) else order
            ),
        }


def _said(event: Any) -> tuple[str, str | None] | None:  # noqa: ANN401, C901, PLR0911 -- one answer per event
    match event:
        case OrderIntended():
            return "pending", None
        case OrderResent():
            return "pending", event.reason
        case OrderAccepted():
            return "accepted", None
        case OrderOutcomeUnknown():
            return "unresolved", event.how
        case RecommendationDeclined():
            return "declined", _why(event)
        case OrderRejected():
            return "rejected", event.message
        case RecommendationFailed():
            return "failed", event.error
        case OrderFilled():
            return "executed", None
        case OrderCanceled():
            nothing = not event.cumulative_quantity
            return ("expired", "cancelled without a fill") if nothing else ("executed", None)
        case OrderExpired():
            nothing = not event.cumulative_quantity
            return ("expired", "expired without a fill") if nothing else ("executed", None)
        case _:
            return None


def _decision(event: OrderIntended | RecommendationDeclined, offset: int) -> ExpectedRow:
    about = event.terms if isinstance(event, OrderIntended) else event
    return {
        "ticker": about.ticker,
        "action": about.action.value,
        "instrument_type": about.instrument_type.value,
        "strategy_type": event.strategy_type.value,
        "decided_at": event.envelope.occurred_at,
        "decision_offset": offset,
        "declined_by": None if isinstance(event, OrderIntended) else list(event.declined_by),
        "gates": gates(event.gates),
        "dispatcher_run_id": event.envelope.dispatcher_run_id,
    }


def _why(event: RecommendationDeclined) -> str:
    said = [f"{one.gate}: {one.reason}" for one in event.gates if one.verdict is Verdict.DECLINED]
    return "; ".join(said) if said else "; ".join(event.declined_by)
