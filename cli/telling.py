"""A recommendation's story, for a reader and as JSON."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from cli.output import dollars, exact, moment, plain, print_json, print_table, say
from consumers.story import Refusal, Story, Told
from events.account import IncidentRecorded, PositionAdjusted
from events.catalog import LOG_EVENTS, AnyEvent
from events.decision import GateResult, RecommendationDeclined, RecommendationFailed
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
    OrderTerms,
)
from events.recommendation import RecommendationIssued


def print_story(story: Story, *, as_json: bool) -> None:
    """Write the story to stdout."""
    if as_json:
        print_json(
            {
                "recommendation_id": story.recommendation_id,
                "issued": [_as_json(one) for one in story.issued],
                "accounts": {
                    account: [_as_json(one) for one in told]
                    for account, told in story.accounts.items()
                },
                "dead_letters": plain(story.dead_letters),
            }
        )
        return
    say(f"Recommendation {story.recommendation_id}")
    _print_events(story.issued)
    if not story.issued:
        say("  not in the recommendations topic")
    for account, told in story.accounts.items():
        say()
        say(f"Account {account}: {_end(told)}")
        _print_events(told)
        for gates in _gates(told):
            say()
            _print_gates(gates)
    for refusal in story.dead_letters:
        say()
        say(_refused(refusal))


def _as_json(told: Told) -> dict[str, object]:
    return {
        "topic": told.topic,
        "offset": told.offset,
        "type": type(told.event).__name__,
        "event": plain(told.event),
    }


def _print_events(told: Sequence[Told]) -> None:
    if told:
        print_table(
            [("Offset", "right"), "Time (UTC)", "Event", "What"],
            (
                [one.offset, moment(_when(one.event)), _name(one.event), _what(one.event)]
                for one in told
            ),
        )


def _print_gates(gates: Sequence[GateResult]) -> None:
    print_table(
        ["Gate", "Verdict", "Why"],
        ([one.gate, one.verdict.lower().replace("_", " "), _why(one)] for one in gates),
    )


def _why(gate: GateResult) -> str:
    if not gate.observed:
        return gate.reason
    return f"{gate.reason} ({gate.observed}; asked for: {gate.threshold})"


def _gates(told: Sequence[Told]) -> Iterator[Sequence[GateResult]]:
    for one in told:
        if isinstance(one.event, RecommendationDeclined | OrderIntended):
            yield one.event.gates


def _when(event: AnyEvent) -> datetime | None:
    if isinstance(event, RecommendationIssued):
        return event.issued_at
    if isinstance(event, LOG_EVENTS):
        return event.envelope.occurred_at
    return None


def _name(event: AnyEvent) -> str:
    spaced = _CAPITAL.sub(r" \1", type(event).__name__).strip().lower()
    return spaced.removeprefix("order ").removeprefix("recommendation ")


def _what(event: AnyEvent) -> str:  # noqa: C901, PLR0911, PLR0912 -- one case per event
    match event:
        case RecommendationIssued():
            return (
                f"{event.action} {event.ticker} ({event.instrument_type}, {event.strategy_type}) "
                f"at {dollars(event.reference_price)}, confidence {exact(event.confidence)}"
            )
        case RecommendationDeclined():
            return "by " + ", ".join(event.declined_by)
        case OrderIntended():
            return _order(event.terms)
        case OrderResent():
            return f"attempt {event.attempt}: {event.reason}"
        case OrderAccepted():
            found = ", found by looking it up" if event.adopted else ""
            return f"as {event.broker_order_id}{found}"
        case OrderRejected():
            return f"{event.rejection_class}: {event.message}"
        case OrderOutcomeUnknown():
            return f"attempt {event.attempt}: {event.how}"
        case OrderFilled():
            return (
                f"{event.side} {exact(event.quantity)} at {exact(event.price)}, "
                f"{exact(event.cumulative_quantity)} in all, fees {dollars(event.fees)}"
            )
        case OrderCanceled() | OrderExpired():
            return f"after {exact(event.cumulative_quantity)} had filled"
        case RecommendationFailed():
            return f"while it was to {event.stage.lower()}: {event.error}"
        case PositionAdjusted():
            return f"{event.kind}: {exact(event.quantity_change)} {event.symbol}"
        case IncidentRecorded():
            return f"{event.kind}: {event.message}"
        case _:
            return ""


def _order(terms: OrderTerms) -> str:
    limit = "" if terms.limit_price is None else f" {exact(terms.limit_price)}"
    return (
        f"{terms.side} {exact(terms.quantity)} {terms.symbol}, {terms.order_type.lower()}{limit}, "
        f"holds {dollars(terms.reserved_notional)}; {terms.client_order_id}"
    )


def _end(told: Sequence[Told]) -> str:
    kinds = {type(one.event) for one in told}
    for kind, words in _ENDS.items():
        if kind in kinds:
            return words
    return "not decided yet" if not kinds else "open"


def _refused(refusal: Refusal) -> str:
    said = refusal.headers
    return (
        f"Dead letter at offset {refusal.offset}, refused by "
        f"{said.get('dlq.account', 'somebody')}: {said.get('dlq.error', 'no reason given')}"
    )


_CAPITAL: Final = re.compile(r"([A-Z])")
_ENDS: Final[dict[type, str]] = {
    # the first that is found tells the end: a fill makes it executed, whatever came afterwards
    OrderFilled: "executed",
    RecommendationFailed: "failed",
    RecommendationDeclined: "declined",
    OrderRejected: "rejected",
    OrderExpired: "expired",
    OrderCanceled: "expired",
    OrderOutcomeUnknown: "open, its outcome is unknown",
    OrderAccepted: "open, the broker has the order",
    OrderIntended: "open, the order is on its way",
}
