"""`recommendation_status`, as plain as it can be told."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Final

from events.catalog import AnyEvent
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
from projections.dead_letter import DeadLetter
from projections.verify.decisions import gates, refusals
from projections.verify.fold import ExpectedRow, ExpectedTable, Key
from projections.verify.json_values import Json, storable

_LATER_ONES_FOLLOW: Final = {"pending", "accepted", "unresolved"}
_DECISIONS: Final = frozenset[type]({OrderIntended, RecommendationDeclined})
_SAID: Final[Mapping[type, Callable[[Any], tuple[str, str | None]]]] = {
    OrderIntended: lambda _: ("pending", None),
    OrderResent: lambda event: ("pending", event.reason),
    OrderAccepted: lambda _: ("accepted", None),
    OrderOutcomeUnknown: lambda event: ("unresolved", event.how),
    RecommendationDeclined: lambda event: ("declined", _why(event)),
    OrderRejected: lambda event: ("rejected", event.message),
    RecommendationFailed: lambda event: ("failed", event.error),
    OrderFilled: lambda _: ("executed", None),
    OrderCanceled: lambda event: _over(event, "cancelled"),
    OrderExpired: lambda event: _over(event, "expired"),
}
"""The status that each event comes to, and why."""


class StatusFold:
    """One status per recommendation and account: the first end stays, a fill above all."""

    events: ClassVar = frozenset(_SAID)

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
        if type(event) in _DECISIONS and key not in self._decided:
            self._decided[key] = _decision(event, origin.offset)
        said = _SAID.get(type(event))
        if said is not None:
            self._stand(key, event, origin.offset, *said(event))

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


def _decision(event: Any, offset: int) -> ExpectedRow:  # noqa: ANN401 -- one of the two
    about = event.terms if isinstance(event, OrderIntended) else event
    return {
        "ticker": about.ticker,
        "action": about.action.value,
        "instrument_type": about.instrument_type.value,
        "strategy_type": event.strategy_type.value,
        "decided_at": event.envelope.occurred_at,
        "decision_offset": offset,
        "declined_by": None
        if isinstance(event, OrderIntended)
        else Json(partial(list, event.declined_by)),
        "gates": gates(event.gates),
        "dispatcher_run_id": event.envelope.dispatcher_run_id,
    }


def _why(event: RecommendationDeclined) -> str:
    said = [f"{one.gate}: {one.reason}" for one in refusals(event.gates)]
    return "; ".join(said) if said else "; ".join(event.declined_by)


def _over(event: OrderCanceled | OrderExpired, how: str) -> tuple[str, str | None]:
    return ("executed", None) if event.cumulative_quantity else ("expired", f"{how} without a fill")
