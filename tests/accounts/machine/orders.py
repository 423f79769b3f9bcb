"""What becomes of orders: posted, looked up, filled, cancelled, and heard of in any order."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.decide import failure_of_order
from accounts.state import ZERO, AccountState, End, OpenOrder, OrderStatus, TradingStatus
from events.catalog import LogEvent
from events.decision import RecommendationFailed, Stage
from events.identifiers import ClientOrderId
from events.order import OrderCanceled, OrderExpired, OrderFilled, OrderRejected
from tests.accounts.machine.brokerage import Working
from tests.accounts.machine.ground import answers, picks
from tests.accounts.machine.halting import Halting
from tests.builders import an_author
from tests.order_builders import (
    a_cancellation,
    a_rejection,
    a_resend,
    an_acceptance,
    an_unknown_outcome,
    the_leg,
)

UNFILLED: Final = frozenset({End.REJECTED, End.FAILED, End.EXPIRED})


class Orders(Halting):
    """The broker's side of a history."""

    @precondition(lambda self: bool(self.state.unresolved()))
    @rule(pick=picks, answer=answers)
    def post_again(self, pick: int, answer: str) -> None:
        """POST an order that the broker does not have, after its own event."""
        order = self.unresolved(pick, known=False)
        if order is None:
            return
        if not self.may_send(order):
            self.give_up(order)
            return
        self.tell(a_resend(self.intents[order.client_order_id], order.attempts + 1))
        self.post(self.state.orders[order.client_order_id], answer)

    def post(self, order: OpenOrder, answer: str) -> None:
        """POST an order: it arrives or not, is taken or refused, and the answer comes or not."""
        if answer == "crash":
            self.happened["crash before the POST"] += 1
            return
        if not self.may_send(order):  # it has stopped itself since
            self.give_up(order)
            return
        name = order.client_order_id
        intent = self.intents[name]
        if answer in ("refused", "refused, lost"):
            self.brokerage.refused.add(name)
        elif answer != "never arrived":
            self.brokerage.take(intent)
        if answer in ("lost", "refused, lost", "never arrived"):
            self.tell(an_unknown_outcome(intent, order.attempts))
        elif answer == "refused":
            self.tell(a_rejection(intent))
        elif answer == "late":
            self.brokerage.news.append(an_acceptance(intent))
        else:
            self.tell(an_acceptance(intent))
        if answer == "taken":
            self.accept_legs(self.brokerage.orders[name])
        if answer == "filled":
            self.brokerage.fill(self.brokerage.orders[name], 4, ZERO)
            self.tell(self.brokerage.news.pop())

    def may_send(self, order: OpenOrder) -> bool:
        status = self.state.trading.status
        return status is TradingStatus.ACTIVE or (
            status is TradingStatus.REDUCED and order.terms.closes_position
        )

    def give_up(self, order: OpenOrder) -> None:
        """Fail an order that the broker does not have: a halt keeps it back, or it is too old."""
        stage = Stage.SETTLE if self.may_send(order) else Stage.HALTED
        self.happened["kept back by a halt"] += stage is Stage.HALTED
        self.tell(failure_of_order(order, "NeverSent: absent", an_author(), self.now, stage))

    @precondition(lambda self: bool(self.state.unresolved()))
    @rule(pick=picks, again=st.booleans())
    def look_up(self, pick: int, *, again: bool) -> None:
        """Ask the broker for an order without outcome: adopt it, send it again, or give up."""
        order = self.unresolved(pick)
        if order is None:
            return
        name = order.client_order_id
        intent = self.intents[name]
        if name in self.brokerage.orders:
            self.tell(an_acceptance(intent, adopted=True))
            self.accept_legs(self.brokerage.orders[name])
        elif name in self.brokerage.refused:
            self.tell(a_rejection(intent))
        elif again and self.may_send(order):
            self.tell(a_resend(intent, order.attempts + 1))
        else:
            self.give_up(order)

    def tell(self, event: LogEvent) -> None:
        """Tell also that a bracket's legs are over where its entry has ended unfilled."""
        before = self.state
        super().tell(event)
        if isinstance(event, OrderFilled) and not self.beyond_us:
            assert_nothing_is_sold_twice(event.symbol, before, self.state)
        name = self.ended_by(event)
        ended = None if name is None else self.state.closed_orders.get(name)
        if name is None or ended is None or ended.end not in UNFILLED:
            return
        for leg in self.state.legs_of(name):
            over = a_cancellation(the_leg(self.intents[name], leg.leg))
            super().tell(replace(over, broker_order_id=leg.broker_order_id or ""))
            self.happened["leg of an entry that ended unfilled"] += 1

    def ended_by(self, event: LogEvent) -> ClientOrderId | None:
        """Return the name of the order that `event` may have ended."""
        if isinstance(event, OrderRejected | OrderCanceled | OrderExpired | RecommendationFailed):
            return ClientOrderId(event.client_order_id or "")
        return None

    def accept_legs(self, entry: Working) -> None:
        """Hear of stop and target with their entry."""
        for leg in entry.legs:
            if leg.name in self.state.orders:
                self.tell(an_acceptance(leg.intent))

    @precondition(lambda self: bool(self.brokerage.working(0)))
    @rule(pick=picks, share=st.integers(1, 4), better=st.integers(0, 1), heard=st.booleans())
    def fill(self, pick: int, share: int, better: int, *, heard: bool) -> None:
        if order := self.brokerage.working(pick):
            self.brokerage.fill(order, share, Decimal(better))
            if heard:
                self.hear(-1)

    @precondition(lambda self: bool(self.brokerage.working(0)))
    @rule(pick=picks, share=st.integers(0, 3), expired=st.booleans(), heard=st.booleans())
    def cancel(self, pick: int, share: int, *, expired: bool, heard: bool) -> None:
        """Cancel an order, of which a part may fill before; of both the cancel is heard first."""
        order = self.brokerage.working(pick)
        if order is not None and share:
            self.brokerage.fill(order, share, ZERO)
        if order is not None and not order.over:
            self.happened["bracket cancelled in part"] += bool(order.legs and order.done)
            self.brokerage.end(order, expired=expired)
            if heard:
                self.hear(-1)

    @precondition(lambda self: bool(self.brokerage.news))
    @rule(pick=picks)
    def hear_late(self, pick: int) -> None:
        """Hear any of the broker's news: the last before the first as well."""
        self.hear(pick)

    def hear(self, pick: int) -> None:
        news = self.brokerage.news
        ready = [place for place, event in enumerate(news) if self.is_told(event)]
        if not ready:
            return
        event = news.pop(ready[pick % len(ready)])
        name = ClientOrderId(getattr(event, "client_order_id", ""))
        if isinstance(event, OrderFilled) and name in self.state.closed_orders:
            self.happened["late fill"] += 1
        order, at_broker = self.state.orders.get(name), self.brokerage.orders.get(name)
        if order is not None and order.status is OrderStatus.WAITING and at_broker is not None:
            self.tell(an_acceptance(at_broker.intent))  # what the broker calls it comes first
        self.tell(event)

    def is_told(self, event: LogEvent) -> bool:
        """Whether it may be heard now: of a leg only when its entry's fills are known."""
        order = self.brokerage.orders.get(getattr(event, "client_order_id", ""))
        if order is None or order.entry is None:
            return True
        name = ClientOrderId(order.entry.name)
        closed = self.state.closed_orders.get(name)
        return name not in self.state.orders and (closed is None or closed.awaited is None)


def assert_nothing_is_sold_twice(symbol: str, before: AccountState, after: AccountState) -> None:
    """Assert that a fill ends a position at most: what goes on beyond was not held."""
    was, now = before.positions.get(symbol), after.positions.get(symbol)
    if was is not None and now is not None:
        assert (was.quantity > 0) is (now.quantity > 0)
