"""What becomes of orders: posted, looked up, filled, cancelled, and heard of in any order."""

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.state import ZERO, OpenOrder
from events.order import OrderFilled
from tests.accounts.machine.brokerage import Working
from tests.accounts.machine.ground import Ground, answers, picks
from tests.builders import a_failure, a_rejection, a_resend, an_acceptance, an_unknown_outcome


class Orders(Ground):
    """The broker's side of a history."""

    @precondition(lambda self: bool(self.state.unresolved()))
    @rule(pick=picks, answer=answers)
    def post_again(self, pick: int, answer: str) -> None:
        """POST an order that the broker does not have, after its own event."""
        order = self.unresolved(pick, known=False)
        if order is not None:
            self.tell(a_resend(self.intents[order.client_order_id], order.attempts + 1))
            self.post(self.state.orders[order.client_order_id], answer)

    def post(self, order: OpenOrder, answer: str) -> None:
        """POST an order: it arrives or not, is taken or refused, and the answer comes or not."""
        if answer == "crash":
            self.happened["crash before the POST"] += 1
            return
        name = order.client_order_id
        intent = self.intents[name]
        if answer in ("refused", "refused, lost"):
            self.brokerage.refused.add(name)
        elif answer != "never arrived":
            self.brokerage.orders[name] = Working(intent)
        if answer in ("lost", "refused, lost", "never arrived"):
            self.tell(an_unknown_outcome(intent, order.attempts))
        elif answer == "refused":
            self.tell(a_rejection(intent))
        elif answer == "late":
            self.brokerage.news.append(an_acceptance(intent))
        else:
            self.tell(an_acceptance(intent))
        if answer == "filled":
            self.brokerage.fill(self.brokerage.orders[name], 4, ZERO)
            self.tell(self.brokerage.news.pop())

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
        elif name in self.brokerage.refused:
            self.tell(a_rejection(intent))
        elif again:
            self.tell(a_resend(intent, order.attempts + 1))
        else:
            self.tell(a_failure(order.recommendation_id, order.terms.ticker))

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
        if not news:
            return
        event = news.pop(pick % len(news))
        if isinstance(event, OrderFilled) and event.client_order_id in self.state.closed_orders:
            self.happened["late fill"] += 1
        self.tell(event)
