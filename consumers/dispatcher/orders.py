"""Orders on their way: attempts started after their event is durable, answers turned to events."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from accounts.evolve import evolve
from accounts.state import AccountState, OpenOrder, TradingStatus
from brokers.broker import Broker, OrderRequest
from consumers.clock import Clock
from consumers.dispatcher.outcomes import Fact, IsUnclear, NeverSent, Reported, Writer, events_of
from consumers.dispatcher.settling import Settling
from consumers.dispatcher.submit_gate import SubmitGate, Window
from consumers.dispatcher.submitter import Answer, NoAnswer, NotFound, Submitter, Withheld
from consumers.logs import get_log
from events.catalog import LogEvent
from events.identifiers import ClientOrderId
from events.order import OrderFilled, OrderIntended, OrderResent


class Orders:
    """The orders of one seat: submitted side by side, asked about until their fate is known."""

    def __init__(self, broker: Broker, clock: Clock, *, simulated: bool) -> None:
        """Be ready to submit, with an open gate."""
        self._simulated = simulated
        self.gate = SubmitGate(clock)
        self._submitter = Submitter(broker, self.gate, clock.elapsed_s)
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
            if state.trading.status is TradingStatus.HALTED:
                halted = NeverSent(order=order.client_order_id, why="it was never sent")
                self._facts.append(halted)
            else:
                self._submit(order, event, stamped_at_s)

    def watch(self, orders: Iterable[OpenOrder]) -> None:
        """Look `orders` up until the log knows their fate."""
        self._settling.watch(orders)

    def ask(self) -> None:
        """Start the look-ups that are due."""
        for order in self._settling.due():
            if not self._submitter.is_outstanding(order):
                self._submitter.look_up(order)

    def collect(self, timeout_s: float, *, all_of_them: bool = False) -> None:
        """Take up the broker's answers, waiting up to `timeout_s` for the first, or for all."""
        for answer in self._submitter.answers(timeout_s, all_of_them=all_of_them):
            fact = self._weigh(answer)
            if fact is not None:
                self._facts.append(fact)

    def outcomes(
        self, state: AccountState, writer: Writer
    ) -> tuple[AccountState, list[LogEvent], Sequence[Fact]]:
        """Return the state and events that the answers so far come to, and those answers.

        They stay until `written` says that the events are durable.
        """
        facts = tuple(self._facts)
        events: list[LogEvent] = []
        for fact in facts:
            for event in events_of(fact, state, writer):
                events.append(event)
                state = evolve(state, event)
        return state, events, facts

    def written(
        self, facts: Sequence[Fact], events: Sequence[LogEvent], state: AccountState
    ) -> None:
        """Let go of `facts`: what they mean is durable. Whatever is still open is asked about."""
        del self._facts[: len(facts)]
        for fact in facts:
            order = state.orders.get(fact.order)
            if order is None or isinstance(fact, NeverSent):
                self._settling.forget(fact.order)
            elif isinstance(fact, IsUnclear | Reported):
                self._settling.watch([order])
        for event in events:
            if isinstance(event, OrderFilled):
                self._say_filled(event)

    def close(self, reason: str) -> None:
        """Start no POST any more, and let those under way go."""
        self.gate.shut(reason)
        self._submitter.close()

    def _say_filled(self, event: OrderFilled) -> None:
        simulated = self._simulated
        get_log().info(
            "execution_simulated" if simulated else "execution_executed",
            account_name=event.envelope.account_name,
            recommendation_id=event.envelope.recommendation_id,
            ticker=event.ticker,
            side=event.side,
            quantity=event.quantity,
            price=event.price,
        )

    def _submit(
        self, order: OpenOrder, event: OrderIntended | OrderResent, stamped_at_s: float
    ) -> None:
        window_s = (event.submit_before - event.envelope.occurred_at) / timedelta(seconds=1)
        attempt = event.attempt if isinstance(event, OrderResent) else 1
        request = OrderRequest(terms=order.terms, sent_at=event.envelope.occurred_at)
        window = Window(until=event.submit_before, until_elapsed_s=stamped_at_s + window_s)
        self._submitter.submit(request, attempt, window)

    def _weigh(self, answer: Answer) -> Fact | None:
        match answer:
            case Withheld():
                return None
            case NoAnswer():
                get_log().warning("broker_unavailable", order=answer.order, error=answer.why)
                return None
            case NotFound():
                if not self._settling.proves_absence(answer):
                    return None
                return NeverSent(order=answer.order, why="the broker does not have it")
            case _:
                return answer
