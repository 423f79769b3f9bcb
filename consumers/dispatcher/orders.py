"""Orders on their way: attempts started after their event is durable, answers turned to events."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from accounts.decide import error_text
from accounts.evolve import evolve
from accounts.halting import halt_after_answer, halt_after_refused_credentials
from accounts.state import AccountState, OpenOrder, TradingStatus
from accounts.state import OrderStatus as Standing
from brokers.broker import Broker, OrderReport, OrderRequest, OrderStatus
from consumers.clock import Clock
from consumers.dispatcher.cancelling import Cancelling
from consumers.dispatcher.facts import Fact, IsUnclear, KeyRefused, NeverSent, Reported, WasRefused
from consumers.dispatcher.legs import events_of_family, family_of, own_leg
from consumers.dispatcher.outcomes import Writer, incident
from consumers.dispatcher.seat import Record
from consumers.dispatcher.settling import Settling
from consumers.dispatcher.submit_gate import Level, SubmitGate, Window
from consumers.dispatcher.submitter import (
    THREADS,
    CancelAsked,
    NoAnswer,
    NotFound,
    Submitter,
    TurnedAway,
    Withheld,
)
from consumers.dispatcher.telling import tell
from consumers.logs import get_log
from events.account import AccountHalted, IncidentRecorded
from events.catalog import LogEvent
from events.identifiers import ClientOrderId
from events.order import OrderIntended, OrderResent, RejectionClass

TURNED_AWAY_PAUSE_S_MAX: Final = 30.0
KEPT_FOR_CANCELS: Final = 10
"""How many of the requests that the broker takes are left to cancels and reconciling."""


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


class Orders:
    """The orders of one seat: submitted side by side, asked about until their fate is known."""

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        *,
        simulated: bool,
        glass: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Be ready to submit, with an open gate that asks `glass` before each POST."""
        self._simulated = simulated
        self._broker = broker
        self._early: list[Reported] = []
        self.gate = SubmitGate(clock, glass)
        self._cancelling = Cancelling(clock.elapsed_s)
        self._submitter = Submitter(broker, self.gate, clock.elapsed_s)
        self._settling = Settling(clock.elapsed_s, ledger_is_final=broker.ledger_is_final)
        self._elapsed_s = clock.elapsed_s
        self._facts: list[Fact] = []
        self._again: dict[ClientOrderId, tuple[float, NeverSent]] = {}

    @property
    def calls_under_way(self) -> int:
        """Return how many calls to the broker have not come back."""
        return self._submitter.outstanding

    @property
    def facts_unwritten(self) -> int:
        """Return how many answers wait for their transaction."""
        return len(self._facts)

    def start(self, events: Iterable[LogEvent], state: AccountState, stamped_at_s: float) -> None:
        """Submit what durable `events` announce; their windows began at `stamped_at_s`."""
        for event in events:
            if isinstance(event, OrderIntended):
                order = state.orders.get(ClientOrderId(event.terms.client_order_id))
            elif isinstance(event, OrderResent):
                order = state.orders.get(ClientOrderId(event.client_order_id))
            else:
                continue
            if order is None:
                continue
            kept_back = self._kept_back(order, state)
            if kept_back is not None:
                self._facts.append(
                    NeverSent(order=order.client_order_id, why=kept_back, withheld=True)
                )
            else:
                self._submit(order, event, stamped_at_s)

    def cancel(self, state: AccountState) -> None:
        """Start to cancel what `state` wants cancelled, as far as there is room."""
        room = max(0, self._broker.requests_free() - self._submitter.outstanding)
        for order, broker_order_id in islice(self._cancelling.due(state), room):
            get_log().info("order_cancel_asked", order=order)
            self._submitter.cancel(order, broker_order_id)

    def _kept_back(self, order: OpenOrder, state: AccountState) -> str | None:
        closes, status = order.terms.closes_position, state.trading.status
        if status is TradingStatus.HALTED or (status is TradingStatus.REDUCED and not closes):
            return f"the account is {status.lower()}"
        return self.gate.keeps_back(closes=closes)

    def watch(self, orders: Iterable[OpenOrder]) -> None:
        """Look `orders` up until the log knows their fate."""
        self._settling.watch(orders)

    def listen(self) -> None:
        """Begin to take up what the broker tells without being asked."""
        self._broker.listen()

    @property
    def free(self) -> int:
        """Return how many new orders the broker would take now, after those to be sent again."""
        return max(0, self._broker.orders_free() - len(self._again))

    def told(self, reports: Iterable[OrderReport]) -> None:
        """Take up what the broker told by itself, or of all orders at once.

        While a call about an order is under way its own answer comes first: what a POST came to
        must not be written after what followed from it.
        """
        self._early += [
            Reported(order=report.client_order_id, report=report, looked_up=True)
            for report in reports
        ]
        waits = [fact for fact in self._early if self._submitter.is_outstanding(fact.order)]
        self._facts += [fact for fact in self._early if fact not in waits]
        self._early = waits

    def cancel_late(self, reports: Iterable[OrderReport]) -> None:
        """Start to cancel what still works though our log has ended it."""
        for report in reports:
            if report.status is OrderStatus.WORKING:
                get_log().info("order_cancel_asked", order=report.client_order_id)
                self._submitter.cancel(report.client_order_id, report.broker_order_id)

    def ask(self) -> None:
        """Start the look-ups that are due and that there is room for."""
        self._settling.told_by(self._broker.told_by())
        at_most = None
        if not self._broker.ledger_is_final:
            # None waits for a thread: behind it would wait what must not, an order or a cancel.
            under_way = self._submitter.outstanding
            room = self._broker.requests_free() - under_way - KEPT_FOR_CANCELS
            at_most = min(THREADS - under_way, room)
        unwritten = {fact.order for fact in self._facts} | self._again.keys()
        for order in self._settling.due(at_most):
            if order not in unwritten and not self._submitter.is_outstanding(order):
                self._submitter.look_up(order)

    def collect(self, timeout_s: float, *, all_of_them: bool = False) -> None:
        """Take up the broker's answers, waiting up to `timeout_s` for the first, or for all."""
        for answer in self._submitter.answers(timeout_s, all_of_them=all_of_them):
            if isinstance(answer, CancelAsked):
                self._was_asked_to_cancel(answer)
                continue
            fact = self._weigh(answer)
            if fact is not None:
                self._facts.append(fact)
        self.told(self._broker.updates())
        self._let_go_on()

    def _let_go_on(self) -> None:
        """Take up what was never sent: when its pause is over, as far as there is room to send it.

        Whatever is held is not sent again, and what shows up at the broker was sent: neither waits.
        """
        for fact in self._facts:
            if isinstance(fact, Reported):
                self._again.pop(fact.order, None)
        if not self._again:
            return
        due = list(self._again.values())
        if self.gate.level < Level.CLOSED:
            now = self._elapsed_s()
            room = max(0, self._broker.orders_free() - self._submitter.outstanding)
            due = [(due_s, fact) for due_s, fact in due if due_s <= now][:room]
        for _, fact in due:
            del self._again[fact.order]
            self._facts.append(fact)

    def outcomes(
        self, state: AccountState, writer: Writer, encode: Callable[[LogEvent], Record]
    ) -> Outcomes:
        """Return what the answers so far come to; they stay until `written` says it is durable."""
        # In the order of their intents, not of the threads: a history comes out the same twice.
        facts = sorted(self._facts, key=lambda fact: _intended(fact, state))
        found = Outcomes(state, facts=facts)
        for fact in facts:
            try:
                told = [
                    (event, encode(event)) for event in events_of_family(fact, found.state, writer)
                ]
            except Exception as error:  # noqa: BLE001 -- an answer that fits no record is an incident
                told = self._unwritable(fact, error, found.state, writer, encode)
            for event, record in told:
                found.add(event, record)
            halt = halt_after_answer(
                [event for event, _ in told], found.state, writer.limits, writer.author, writer.now
            ) or _halt_after_refusal(fact, found.state, writer)
            if halt is not None:
                found.add(halt, encode(halt))
        return found

    def _unwritable(
        self,
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
            (event, encode(event))
            for event in events
            if event.envelope.event_id not in state.applied
        ]

    def written(self, outcomes: Outcomes, state: AccountState) -> None:
        """Let go of the answers: what they mean is durable. What is still open is asked about."""
        strange = {
            event.client_order_id
            for event in outcomes.events
            if isinstance(event, IncidentRecorded) and event.kind == "order-mismatch"
        }
        for fact in outcomes.facts:
            self._facts.remove(fact)
            self._ask_on(fact, state)
            if isinstance(fact, Reported) and fact.order in strange:
                self._submitter.cancel(fact.order, fact.report.broker_order_id)
        for event in outcomes.events:
            tell(event, simulated=self._simulated)

    def _ask_on(self, fact: Fact, state: AccountState) -> None:
        name = family_of(fact, state)
        order, legs = state.orders.get(name), state.legs_of(name)
        accepted = order is not None and order.status is Standing.ACCEPTED
        if not (order or legs) or (isinstance(fact, NeverSent) and not accepted):
            self._settling.forget(name)
            return
        if isinstance(fact, IsUnclear | Reported):
            self._settling.watch([*([] if order is None else [order]), *legs])
        if order is not None and own_leg(fact, state) is not None:
            self._settling.hasten(name)  # its leg moves: what of it has filled must be known first

    def close(self, reason: str) -> None:
        """Start no POST any more, and let those under way go."""
        self.gate.shut(reason)
        self._submitter.close()
        self._broker.hush()

    def _submit(
        self, order: OpenOrder, event: OrderIntended | OrderResent, stamped_at_s: float
    ) -> None:
        window_s = (event.submit_before - event.envelope.occurred_at) / timedelta(seconds=1)
        attempt = event.attempt if isinstance(event, OrderResent) else 1
        request = OrderRequest(terms=order.terms, sent_at=event.envelope.occurred_at)
        window = Window(until=event.submit_before, until_elapsed_s=stamped_at_s + window_s)
        self._submitter.submit(request, attempt, window)

    def _was_asked_to_cancel(self, answer: CancelAsked) -> None:
        if answer.refusal is not None:
            get_log().warning("order_not_cancelled", order=answer.order, error=answer.refusal)
        self._settling.hasten(answer.order)

    def _weigh(self, answer: Fact | NotFound | NoAnswer | Withheld | TurnedAway) -> Fact | None:
        match answer:
            case Withheld():
                pass
            case NoAnswer():
                get_log().warning("broker_unavailable", order=answer.order, error=answer.why)
            case TurnedAway(fact):
                pause_s = min(TURNED_AWAY_PAUSE_S_MAX, 0.25 * 2 ** min(fact.attempt or 1, 10))
                self._hold_back(fact, pause_s)
            case NeverSent(withheld=False):
                self._hold_back(answer, 0.0)
            case NotFound():
                if self._settling.proves_absence(answer):
                    absent = _absent(answer)
                    if isinstance(absent, WasRefused):
                        return absent
                    self._hold_back(absent, 0.0)
            case _:
                return answer
        return None

    def _hold_back(self, fact: NeverSent, pause_s: float) -> None:
        self._again[fact.order] = self._elapsed_s() + pause_s, fact


def _absent(answer: NotFound) -> NeverSent | WasRefused:
    """Return what an order's proven absence means: what was said against it last is true now."""
    if answer.refusal is not None:
        return WasRefused(order=answer.order, refusal=answer.refusal)
    return NeverSent(order=answer.order, why="the broker does not have it")


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
