"""A brokerage in a few lines: what it has and has filled, whatever the account has heard of it."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from events.catalog import LogEvent
from events.identifiers import Leg
from events.order import OrderFilled, OrderIntended, Side
from events.values import money, quantity
from tests.order_builders import a_cancellation, a_fill, an_expiry, the_leg

LEAST: Final = Decimal("0.000000001")
"""The smallest fraction of a share."""


@dataclass(slots=True)
class Working:
    """An order at the broker: how far it is filled, and whether it still works.

    The `legs` of a bracket's `entry` sleep until it is over, and are there for what it filled.
    """

    intent: OrderIntended
    filled: OrderFilled | None = None
    over: bool = False
    entry: "Working | None" = field(default=None, repr=False)
    legs: "tuple[Working, ...]" = ()

    @property
    def name(self) -> str:
        return self.intent.terms.client_order_id

    @property
    def done(self) -> Decimal:
        return Decimal(0) if self.filled is None else self.filled.cumulative_quantity

    @property
    def rest(self) -> Decimal:
        if self.entry is None:
            return self.intent.terms.quantity - self.done
        return self.entry.done - sum(leg.done for leg in self.entry.legs)

    @property
    def works(self) -> bool:
        return not self.over and (self.entry is None or self.entry.over)


@dataclass(slots=True)
class Brokerage:
    """Its orders by client order id, those it refused, and news that nobody has read yet."""

    orders: dict[str, Working] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    news: list[LogEvent] = field(default_factory=list)

    def knows(self, name: str) -> bool:
        return name in self.orders or name in self.refused

    def take(self, intent: OrderIntended) -> None:
        """Have the order of `intent`, and its stop and target if it is a bracket."""
        entry = Working(intent)
        if intent.terms.stop_loss is not None:
            legs = (the_leg(intent, Leg.STOP), the_leg(intent, Leg.TARGET))
            entry.legs = tuple(Working(leg, entry=entry) for leg in legs)
        self.orders |= {order.name: order for order in (entry, *entry.legs)}

    def working(self, pick: int) -> Working | None:
        open_orders = [order for order in self.orders.values() if order.works]
        return open_orders[pick % len(open_orders)] if open_orders else None

    def fill(self, order: Working, share: int, better: Decimal) -> None:
        """Fill `share` fourths of the rest at the worst price but `better`: a stop's is worse."""
        order.filled = a_fill(
            order.intent,
            order.done + _step(order, share),
            order.intent.terms.worst_price + _moved(order.intent, better),
            before=order.filled,
            fees=Decimal("0.35"),
        )
        # As the dispatcher writes it: no more digits than there are on the wire.
        total = money(order.filled.cumulative_notional)
        order.filled = replace(order.filled, cumulative_notional=total)
        self.news.append(order.filled)
        if order.rest == 0:
            order.over = True
            self._end_both(order, expired=False)

    def end(self, order: Working, *, expired: bool) -> None:
        """Cancel the rest, or let it expire; with it what waits for a part that never comes.

        A cancelled entry leaves its stop and target to what of it had filled.
        """
        if order.entry is not None:
            self._end_both(order, expired=expired)
            return
        self._end(order, expired=expired)
        for leg in order.legs:
            if order.done == 0:
                leg.over = True  # the log ends them with their entry
            elif expired:
                self._end(leg, expired=True)

    def _end_both(self, leg: Working, *, expired: bool) -> None:
        """End the stop with the target, each where it is not whole."""
        for each in () if leg.entry is None else leg.entry.legs:
            if each.done < each.intent.terms.quantity:
                self._end(each, expired=expired)

    def _end(self, order: Working, *, expired: bool) -> None:
        order.over = True
        told = an_expiry if expired else a_cancellation
        self.news.append(told(order.intent, order.done))


def _step(order: Working, share: int) -> Decimal:
    rest = order.rest
    if share == 4:
        return rest
    if rest == rest.to_integral_value():
        return min(max(rest * share // 4, Decimal(1)), rest)
    return max(quantity(rest * share / 4), LEAST)


def _moved(intent: OrderIntended, better: Decimal) -> Decimal:
    """What an exit sells dearer; an entry, long or short, costs less than at worst."""
    terms = intent.terms
    sells_better = terms.closes_position and terms.side is Side.SELL
    return better if sells_better is not (intent.envelope.leg is Leg.STOP) else -better
