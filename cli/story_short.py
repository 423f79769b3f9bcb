"""What became of a recommendation in one account, in a sentence and in its times. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from cli.output import dollars, exact
from consumers.story import Told
from events.catalog import LOG_EVENTS, LogEvent
from events.decision import (
    GateResult,
    OffsetsSeen,
    RecommendationDeclined,
    RecommendationFailed,
    Verdict,
)
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
    Side,
)
from events.recommendation import RecommendationIssued

_SECOND: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step on the way; `after_s` is the seconds since the step before, None for the first."""

    step: str
    at: datetime
    after_s: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InShort:
    """How it ended, why, and how long each step took; `seen` is what the decision went by."""

    end: str
    sentence: str
    steps: tuple[Step, ...]
    seen: OffsetsSeen | None


def in_short(issued: Sequence[Told], told: Sequence[Told], silent: str | None) -> InShort:
    """Return the story of one account in short; `silent` says why nothing is told."""
    if not told:
        sentence = f"Nothing is decided: {silent}." if silent else "Nothing is decided."
        return InShort(end="not decided yet", sentence=sentence, steps=(), seen=None)
    events = [one.event for one in told]
    seen = next(
        (one.seen for one in events if isinstance(one, OrderIntended | RecommendationDeclined)),
        None,
    )
    return InShort(
        end=_end(told), sentence=_sentence(told), steps=tuple(_steps(issued, told)), seen=seen
    )


def gates_of(told: Sequence[Told]) -> tuple[GateResult, ...]:
    """Return the gates that the decision asked, none where there was no decision."""
    for one in told:
        if isinstance(one.event, RecommendationDeclined | OrderIntended):
            return one.event.gates
    return ()


def why(gate: GateResult) -> str:
    """Return a gate's reason with the two values that it compared."""
    if not gate.observed:
        return gate.reason
    return f"{gate.reason} ({gate.observed}; asked for: {gate.threshold})"


def _end(told: Sequence[Told]) -> str:
    kinds = {type(event) for event in _of_leg(told, Leg.ENTRY)}
    return next((words for kind, words in _ENDS.items() if kind in kinds), "open")


def _sentence(told: Sequence[Told]) -> str:  # noqa: PLR0911 -- one sentence per way to end
    """Tell how the entry ended: what its stop or target did comes after that."""
    by_kind = {type(event): event for event in _of_leg(told, Leg.ENTRY)}  # the last of each kind
    for kind in _ENDS:
        event = by_kind.get(kind)
        match event:
            case OrderFilled():
                intent = by_kind.get(OrderIntended)
                bought = _traded(event, intent if isinstance(intent, OrderIntended) else None)
                return " ".join((bought, *_left(told)))
            case RecommendationFailed():
                return f"No order came of it, while it was to {event.stage.lower()}: {event.error}."
            case RecommendationDeclined():
                return _declined(event)
            case OrderRejected():
                refused = f"{event.rejection_class}: {event.message}".rstrip(".")
                return f"The broker refused the order: {refused}."
            case OrderExpired() | OrderCanceled():
                how = "ran out of time" if isinstance(event, OrderExpired) else "was cancelled"
                return f"The order {how} before anything was traded."
            case OrderOutcomeUnknown():
                return f"Nobody knows yet whether the broker has the order: {event.how}."
            case OrderAccepted():
                return "The broker has the order; nothing is traded yet."
            case OrderIntended():
                return "The order is written down and on its way to the broker."
            case _:
                continue
    return "Nothing is decided."


def _left(told: Sequence[Told]) -> Iterator[str]:
    """Yield what a stop and a target traded."""
    for leg in (Leg.STOP, Leg.TARGET):
        fills = [event for event in _of_leg(told, leg) if isinstance(event, OrderFilled)]
        if fills:
            yield f"By its {leg.lower()}: {_traded(fills[-1], None)}"


def _of_leg(told: Sequence[Told], leg: Leg) -> list[LogEvent]:
    """Return what was told of that leg's order; what names no leg is about the entry."""
    events = [one.event for one in told if isinstance(one.event, LOG_EVENTS)]
    return [event for event in events if (event.envelope.leg or Leg.ENTRY) is leg]


def _declined(event: RecommendationDeclined) -> str:
    refusals = [gate for gate in event.gates if gate.verdict is Verdict.DECLINED]
    if not refusals:
        return "Nothing was ordered."
    first, *others = refusals
    also = "" if not others else "; so did " + ", ".join(gate.gate for gate in others)
    return f"Nothing was ordered: {first.gate} declined, {why(first)}{also}."


def _traded(event: OrderFilled, intent: OrderIntended | None) -> str:
    quantity, notional = event.cumulative_quantity, event.cumulative_notional
    verb = "Bought" if event.side is Side.BUY else "Sold"
    of = ""
    if intent is not None and intent.terms.quantity != quantity:
        of = f" of {exact(intent.terms.quantity)} ordered"
    return (
        f"{verb} {exact(quantity)} {event.symbol}{of} at {exact(notional / quantity)} on average, "
        f"{dollars(notional * event.multiplier)} in all."
    )


def _steps(issued: Sequence[Told], told: Sequence[Told]) -> Iterator[Step]:
    before: datetime | None = None
    for step, at in _times(issued, told):
        yield Step(step=step, at=at, after_s=None if before is None else _seconds(at - before))
        before = at


def _times(issued: Sequence[Told], told: Sequence[Told]) -> Iterator[tuple[str, datetime]]:
    for one in issued[:1]:
        if isinstance(one.event, RecommendationIssued):
            yield "issued", one.event.issued_at
    for one in told:
        event = one.event
        if isinstance(event, OrderResent):
            yield f"attempt {event.attempt}", event.envelope.occurred_at
        elif isinstance(event, LOG_EVENTS) and type(event) in _STEPS:
            yield _STEPS[type(event)], event.envelope.occurred_at


def _seconds(time: timedelta) -> Decimal:
    return Decimal(time // _MICROSECOND).scaleb(-6)


_STEPS: Final[dict[type, str]] = {
    OrderIntended: "intended",
    RecommendationDeclined: "declined",
    OrderAccepted: "accepted",
    OrderOutcomeUnknown: "outcome unknown",
    OrderFilled: "filled",
    OrderRejected: "rejected",
    OrderCanceled: "cancelled",
    OrderExpired: "expired",
    RecommendationFailed: "failed",
}
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
