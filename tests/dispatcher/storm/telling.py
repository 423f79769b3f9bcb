"""What happened to one order, for whoever must find out why: our log and the wire, by time."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from events.account import IncidentRecorded
from events.catalog import LogEvent
from events.decision import RecommendationFailed
from events.identifiers import AccountName, Leg, RecommendationId, client_order_id
from stack.alpaca_server.values import moment_of

_LONGEST: Final = 240
_DETAILS: Final = (
    "attempt",
    "how",
    "reason",
    "message",
    "submit_before",
    "answer_within_ms",
    "kind",
)


def story_of(
    order: str, account: AccountName, events: Iterable[LogEvent], requests: Iterable[dict[str, Any]]
) -> str:
    """Return a line for each event about `order` and each request that named it, oldest first."""
    told: list[tuple[datetime, str]] = [
        (event.envelope.occurred_at, _event(event))
        for event in events
        if _names(event, order, account)
    ]
    told += [
        (moment_of(request["received_at"]), _request(request))
        for request in requests
        if request["client_order_id"] == order
    ]
    return "\n".join(f"    {at:%H:%M:%S.%f} {what}" for at, what in sorted(told))


def _names(event: LogEvent, order: str, account: AccountName) -> bool:
    terms = getattr(event, "terms", None)
    if order in (getattr(event, "client_order_id", None), getattr(terms, "client_order_id", None)):
        return True
    number = event.envelope.recommendation_id
    return (
        not isinstance(event, IncidentRecorded)
        and number is not None
        and order == client_order_id(account, RecommendationId(number), Leg.ENTRY)
    )


def _event(event: LogEvent) -> str:
    details = {name: getattr(event, name) for name in _DETAILS if getattr(event, name, None)}
    if isinstance(event, RecommendationFailed):
        details |= {"stage": event.stage, "error": event.error}
    return f"{type(event).__name__} {details}"[:_LONGEST]


def _request(request: dict[str, Any]) -> str:
    what = f"{request['method']} {request['path']} -> {request['outcome']}, {request['answer']}"
    return f"    {what} {request['fault']}"[:_LONGEST]
