"""Orders on their way: attempts started after their event is durable, answers taken up."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import islice
from typing import Final

from accounts.state import AccountState, OpenOrder, TradingStatus
from accounts.state import OrderStatus as Standing
from brokers.broker import Broker, OrderReport, OrderRequest, OrderStatus
from brokers.errors import OrderRefused
from consumers.clock import Clock
from consumers.dispatcher.cancelling import Cancelling
from consumers.dispatcher.facts import Fact, IsUnclear, NeverSent, Reported, WasRefused
from consumers.dispatcher.legs import family_of, own_leg
from consumers.dispatcher.outcomes import Writer
from consumers.dispatcher.recording import Outcomes, outcomes_of
from consumers.dispatcher.resending import Resending
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
from events.account import IncidentRecorded
from events.catalog import LogEvent
from events.identifiers import ClientOrderId
from events.order import OrderIntended, OrderResent

KEPT_FOR_CANCELS: Final = 10
"""How many of the requests that the broker takes are left to cancels and reconciling."""


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
        self._resending = Resending(clock.elapsed_s)
        self._settling = Settling(clock.elapsed_s, ledger_is_final=broker.ledger_is_final)
        self._facts: list[Fact] = []

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
        return max(0, self._broker.orders_free() - len(self._resending))

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
        unwritten = {fact.order for fact in self._facts}
        for order in self._settling.due(at_most):
            if order in unwritten or order in self._resending:
                continue
            if not self._submitter.is_outstanding(order):
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
                self._resending.forget(fact.order)
        if not self._resending:
            return
        if self.gate.level >= Level.CLOSED:
            self._facts += self._resending.all()
            return
        room = max(0, self._broker.orders_free() - self._submitter.outstanding)
        self._facts += self._resending.due(room)

    def outcomes(
        self, state: AccountState, writer: Writer, encode: Callable[[LogEvent], Record]
    ) -> Outcomes:
        """Return what the answers so far come to; they stay until `written` says it is durable."""
        return outcomes_of(self._facts, state, writer, encode)

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
        if isinstance(fact, Reported):
            self._settling.found(name)
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
                self._resending.turned_away(fact)
            case NeverSent(withheld=False):
                self._resending.hold_back(answer)
            case NotFound() if not self._settling.proves_absence(answer):
                pass
            case NotFound(order=order, refusal=OrderRefused() as refusal):
                return WasRefused(order=order, refusal=refusal)  # said last, and true by now
            case NotFound(order=order):
                never = NeverSent(order=order, why="the broker does not have it")
                self._resending.hold_back(never)
            case _:
                return answer
        return None
