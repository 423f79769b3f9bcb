"""A brokerage in a few lines: what it has and has filled, whatever the account has heard of it."""

from dataclasses import dataclass, field
from decimal import Decimal

from events.catalog import LogEvent
from events.order import OrderFilled, OrderIntended
from tests.builders import a_cancellation, a_fill, an_expiry


@dataclass(slots=True)
class Working:
    """An order at the broker: how far it is filled, and whether it still works."""

    intent: OrderIntended
    filled: OrderFilled | None = None
    over: bool = False

    @property
    def done(self) -> Decimal:
        return Decimal(0) if self.filled is None else self.filled.cumulative_quantity


@dataclass(slots=True)
class Brokerage:
    """Its orders by client order id, those it refused, and news that nobody has read yet."""

    orders: dict[str, Working] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    news: list[LogEvent] = field(default_factory=list)

    def knows(self, name: str) -> bool:
        return name in self.orders or name in self.refused

    def working(self, pick: int) -> Working | None:
        open_orders = [order for order in self.orders.values() if not order.over]
        return open_orders[pick % len(open_orders)] if open_orders else None

    def fill(self, order: Working, share: int, better: Decimal) -> None:
        """Fill `share` fourths of the rest at the worst price but `better`."""
        terms = order.intent.terms
        step = max((terms.quantity - order.done) * share // 4, Decimal(1))
        price = terms.worst_price - better
        order.filled = a_fill(
            order.intent, order.done + step, price, before=order.filled, fees=Decimal("0.35")
        )
        order.over = order.done == terms.quantity
        self.news.append(order.filled)

    def end(self, order: Working, *, expired: bool) -> None:
        """Cancel the rest, or let it expire."""
        order.over = True
        told = an_expiry if expired else a_cancellation
        self.news.append(told(order.intent, order.done))
