"""Orders that ended with something unfilled: kept for good, so that a late fill counts once.

There are ever more of them, and hardly one is looked at again. So each is kept as text, of what a
late fill has to fit: a snapshot of many is read and written as fast as that of a few.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from immutables import Map

from accounts.forms import form_of
from accounts.lots import ZERO
from accounts.orders import End, OpenOrder
from events.identifiers import BrokerOrderId, ClientOrderId, Leg, RecommendationId
from events.order import Side
from events.recommendation import InstrumentType


class ClosedTerms(NamedTuple):
    """What a fill has to fit, of the terms of an order that ended."""

    ticker: str
    symbol: str
    instrument_type: InstrumentType
    multiplier: int
    side: Side
    quantity: Decimal


class Awaited(NamedTuple):
    """What the broker says had filled before the end and no fill has told yet.

    It may cost `worst_price` US dollars a share still, or take so much of what is held.
    """

    quantity: Decimal
    worst_price: Decimal
    closes_position: bool


class ClosedOrder(NamedTuple):
    """An order that ended with something unfilled.

    `end` is None while only the broker's word says that something had filled; `of_bracket` says
    that it was a stop or a target of another order.
    """

    recommendation_id: RecommendationId
    leg: Leg
    of_bracket: bool
    terms: ClosedTerms
    attempts: int
    broker_order_id: BrokerOrderId | None
    cumulative_quantity: Decimal
    cumulative_notional: Decimal
    end: End | None
    closed_by: UUID
    awaited: Awaited | None

    @property
    def reserved(self) -> Decimal:
        """US dollars of exposure that awaited fills hold: 0 where they close a position."""
        awaited = self.awaited
        if awaited is None or awaited.closes_position:
            return ZERO
        return awaited.worst_price * awaited.quantity * self.terms.multiplier

    def with_fills(self, quantity: Decimal, notional: Decimal) -> "ClosedOrder":
        """Return the order of which `quantity` for `notional` (price x quantity) has filled."""
        awaited, new = self.awaited, quantity - self.cumulative_quantity
        if awaited is not None:
            left = awaited.quantity - new
            awaited = awaited._replace(quantity=left) if left > 0 else None
        return self._replace(
            cumulative_quantity=quantity, cumulative_notional=notional, awaited=awaited
        )


Order: TypeAlias = OpenOrder | ClosedOrder
"""Of either kind, in what they have in common."""

_FORM: Final = form_of(ClosedOrder)


@dataclass(frozen=True, slots=True)
class ClosedOrders:
    """A persistent map of them by name; looking for one that is not there costs O(log n)."""

    rows: Map[ClientOrderId, str] = field(default_factory=Map)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.rows

    def get(self, name: ClientOrderId) -> ClosedOrder | None:
        """Return the one of that name, None where there is none."""
        row = self.rows.get(name)
        return None if row is None else _read(row)

    def values(self) -> Iterator[ClosedOrder]:
        """Yield all of them, in no order."""
        return map(_read, self.rows.values())

    def set(self, name: ClientOrderId, order: ClosedOrder) -> "ClosedOrders":
        """Return the map with `order` under that name."""
        row = json.dumps(_FORM.write(order), separators=(",", ":"))
        return ClosedOrders(self.rows.set(name, row))

    def delete(self, name: ClientOrderId) -> "ClosedOrders":
        """Return the map without that name, which it must have."""
        return ClosedOrders(self.rows.delete(name))


def ended(
    order: OpenOrder, end: End | None, closed_by: UUID, *, told: Decimal = ZERO
) -> ClosedOrder:
    """Return what is kept of `order`, which the event `closed_by` has ended.

    `told` is how much of it had filled by the broker's word.
    """
    terms = order.terms
    missing = min(told, terms.quantity) - order.cumulative_quantity
    awaited = Awaited(missing, terms.worst_price, terms.closes_position) if missing > 0 else None
    return ClosedOrder(
        recommendation_id=order.recommendation_id,
        leg=order.leg,
        of_bracket=order.of_bracket,
        terms=ClosedTerms(
            ticker=terms.ticker,
            symbol=terms.symbol,
            instrument_type=terms.instrument_type,
            multiplier=terms.multiplier,
            side=terms.side,
            quantity=terms.quantity,
        ),
        attempts=order.attempts,
        broker_order_id=order.broker_order_id,
        cumulative_quantity=order.cumulative_quantity,
        cumulative_notional=order.cumulative_notional,
        end=end,
        closed_by=closed_by,
        awaited=awaited,
    )


def _read(row: str) -> ClosedOrder:
    order: ClosedOrder = _FORM.read(json.loads(row))
    return order
