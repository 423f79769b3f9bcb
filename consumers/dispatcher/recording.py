"""What the broker's answers come to in all: the events of one transaction, and their records."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from accounts.decide import error_text
from accounts.evolve import evolve
from accounts.halting import halt_after_answer, halt_after_refused_credentials
from accounts.state import AccountState, OpenOrder
from consumers.dispatcher.facts import Fact, KeyRefused, WasRefused
from consumers.dispatcher.legs import events_of_family, own_leg
from consumers.dispatcher.outcomes import Writer, incident
from consumers.dispatcher.seat import Record
from consumers.logs import get_log
from events.account import AccountHalted
from events.catalog import LogEvent
from events.order import RejectionClass


@dataclass(slots=True)
class Outcomes:
    """What a number of answers come to: nothing of it is true before it is durable."""

    state: AccountState
    facts: Sequence[Fact]
    events: list[LogEvent] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def add(self, event: LogEvent, record: Record) -> None:
        """Take up one event."""
        self.events.append(event)
        self.records.append(record)
        self.state = evolve(self.state, event)


def outcomes_of(
    facts: Iterable[Fact],
    state: AccountState,
    writer: Writer,
    encode: Callable[[LogEvent], Record],
) -> Outcomes:
    """Return what follows from `facts`, each weighed on what those before it have come to."""
    # In the order of their intents, not of the threads: a history comes out the same twice.
    in_order = sorted(facts, key=lambda fact: _intended(fact, state))
    found = Outcomes(state, facts=in_order)
    for fact in in_order:
        try:
            told = [(event, encode(event)) for event in events_of_family(fact, found.state, writer)]
        except Exception as error:  # noqa: BLE001 -- an answer that fits no record is an incident
            told = _unwritable(fact, error, found.state, writer, encode)
        for event, record in told:
            found.add(event, record)
        halt = halt_after_answer(
            [event for event, _ in told], found.state, writer.limits, writer.author, writer.now
        ) or _halt_after_refusal(fact, found.state, writer)
        if halt is not None:
            found.add(halt, encode(halt))
    return found


def _unwritable(
    fact: Fact,
    error: Exception,
    state: AccountState,
    writer: Writer,
    encode: Callable[[LogEvent], Record],
) -> list[tuple[LogEvent, Record]]:
    get_log().error("processing_error", order=fact.order, error=error_text(error))
    order = _about(fact, state)
    if order is None:
        return []  # nothing in the log waits for it
    message = f"the broker's answer cannot be recorded: {error_text(error)}"
    events = incident("unwritable-answer", message, order, writer)
    return [
        (event, encode(event)) for event in events if event.envelope.event_id not in state.applied
    ]


def _halt_after_refusal(fact: Fact, state: AccountState, writer: Writer) -> AccountHalted | None:
    match fact:
        case KeyRefused():
            said = fact.why
        case WasRefused() if fact.refusal.rejection_class is RejectionClass.CREDENTIALS:
            said = str(fact.refusal)
        case _:
            return None
    return halt_after_refused_credentials(state, said, writer.author, writer.now)


def _about(fact: Fact, state: AccountState) -> OpenOrder | None:
    """Return the order, or a leg where its entry has filled whole; None where both have ended."""
    known = own_leg(fact, state) or state.orders.get(fact.order)
    return known or next(iter(state.legs_of(fact.order)), None)


def _intended(fact: Fact, state: AccountState) -> tuple[datetime, int, bool]:
    """An entry comes before its stop and its target: they give back what it took."""
    order = own_leg(fact, state) or state.orders.get(fact.order)
    if order is None:
        return datetime.min.replace(tzinfo=UTC), 0, False
    return order.intended_at, order.recommendation_id, order.parent is not None
