"""One account's orders and holdings, kept as a clerk would: a dictionary, line by line.

It shares nothing with the fold that decisions go by, and is held against it by the tables.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from events.account import AdjustmentKind, PositionAdjusted
from events.decision import RecommendationDeclined, RecommendationFailed
from events.identifiers import AccountName, Leg, RecommendationId, client_order_id
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
    OrderTerms,
    Side,
)
from events.recommendation import InstrumentType
from projections.ids import Ids
from projections.verify.holdings import Holding, cents

_NEW_YORK: Final = ZoneInfo("America/New_York")
_DONE: Final = "filled"
_SETTLED: Final = ("accepted", "waiting")
_TRADES: Final = (AdjustmentKind.OUTSIDE_TRADE, AdjustmentKind.LATE_FILL)

Place = tuple[int, Leg]


@dataclass(slots=True)
class Order:
    """An order: open, or over by `end`; "" is an end of which only the broker knows fills.

    `awaited` is what had filled by the broker's word at the end, and no fill has told yet.
    """

    place: Place
    terms: OrderTerms
    status: str = "intended"
    attempts: int = 1
    broker_order_id: str | None = None
    filled: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    end: str | None = None
    ended_by: UUID | None = None
    awaited: Decimal = Decimal(0)

    @property
    def expected(self) -> Decimal:
        """What of it may fill yet."""
        return self.terms.quantity - self.filled if self.end is None else self.awaited


@dataclass(slots=True)
class Places:
    """Recommendations' legs, of which an account gathers as many as it is advised."""

    legs: dict[Leg, Ids] = field(default_factory=dict)

    def __contains__(self, place: object) -> bool:
        """Say whether it is among them; None never is."""
        if not isinstance(place, tuple):
            return False
        number, leg = place
        return leg in self.legs and number in self.legs[leg]

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self.legs.values()))

    def add(self, place: Place) -> None:
        """Add one."""
        number, leg = place
        self.legs.setdefault(leg, Ids()).add(number)


@dataclass(slots=True)
class Ledger:
    """An account's orders, holdings, prices, cash and counts. Money is US dollars."""

    account_name: str
    fifo: bool = False
    cash: Decimal = Decimal(0)
    paid_in: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    peak: Decimal = Decimal(0)
    orders: dict[str, Order] = field(default_factory=dict)
    working: set[str] = field(default_factory=set)
    awaiting: set[str] = field(default_factory=set)
    holdings: dict[str, Holding] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    decided: Places = field(default_factory=Places)
    filled: Places = field(default_factory=Places)
    failed: set[Place] = field(default_factory=set)
    once: set[UUID] = field(default_factory=set)
    ends: dict[str, int] = field(default_factory=dict)
    executed_on: dict[date, int] = field(default_factory=dict)
    incidents: int = 0
    day: date | None = None
    equity_at_start: Decimal = Decimal(0)

    def take(self, event: Any, offset: int) -> None:  # noqa: ANN401 -- any event about an order
        """Write down what an event says about an order or a holding; what cannot be is counted."""
        write = _WRITERS.get(type(event))
        day, before, equity = self._day_of(event), self._traces(event), self.equity()
        if write is not None and not write(self, event, offset):
            self.incident(event.envelope.event_id)
        if day is not None and self._traces(event) != before:
            self.day, self.equity_at_start = day, equity
        if isinstance(event, OrderIntended | OrderFilled | PositionAdjusted):
            self.peak = max(self.peak, self.exposure())

    def order_of(self, event: Any) -> str:  # noqa: ANN401 -- any event about a recommendation
        """Return the client order id that an event names, or else leaves to be derived."""
        named: str | None = getattr(event, "client_order_id", None)
        about = event.envelope
        return named or client_order_id(
            AccountName(self.account_name),
            RecommendationId(about.recommendation_id),
            about.leg or Leg.ENTRY,
        )

    def incident(self, event_id: UUID) -> None:
        """Count something that must not be, once."""
        self.incidents += 1
        self.once.add(event_id)

    def _day_of(self, event: Any) -> date | None:  # noqa: ANN401 -- any event
        """Return the day that an event opens, if it is about a recommendation and does anything."""
        day = new_york_day(event.envelope.occurred_at)
        about = event.envelope.recommendation_id is not None
        return day if about and (self.day is None or day > self.day) else None

    def _traces(self, event: Any) -> tuple[object, ...]:  # noqa: ANN401 -- any event
        """Return what differs afterwards if an event did anything at all."""
        about = event.envelope.recommendation_id is not None
        order = self.orders.get(self.order_of(event)) if about else None
        told = None if order is None else (order.status, order.attempts, order.filled, order.end)
        owner = None if order is None else order.broker_order_id
        return (self.incidents, len(self.decided), told, owner)

    def open_orders(self) -> list[Order]:
        """Return the orders that can still be filled."""
        return [self.orders[name] for name in self.working]

    def expected_orders(self) -> list[Order]:
        """Return the orders of which more will or may be told to have filled."""
        return [self.orders[name] for name in self.working | self.awaiting]

    def held_cost(self) -> Decimal:
        """Return what all holdings cost, long or short."""
        return sum((abs(held.cost) for held in self.holdings.values()), Decimal(0))

    def reserved(self) -> Decimal:
        """Return what orders may yet cost."""
        return sum(
            (
                one.terms.worst_price * one.expected * one.terms.multiplier
                for one in self.expected_orders()
                if not one.terms.closes_position
            ),
            Decimal(0),
        )

    def exposure(self) -> Decimal:
        """Return what is at stake."""
        return self.held_cost() + self.reserved()

    def equity(self) -> Decimal:
        """Return cash and what holdings are worth, at cost where no price was seen."""
        return self.cash + sum(
            (
                held.cost if (worth := self.worth(symbol)) is None else worth
                for symbol, held in self.holdings.items()
            ),
            Decimal(0),
        )

    def worth(self, symbol: str) -> Decimal | None:
        """Return what a holding is worth at the price seen last, None without one."""
        held, price = self.holdings[symbol], self.prices.get(symbol)
        return None if price is None else held.quantity * price * held.multiplier

    def count(self, end: str, place: Place, by: int = 1) -> None:
        """Count an end of a recommendation: of its entry, not of its stop or target."""
        if place[1] is Leg.ENTRY:
            self.ends[end] = self.ends.get(end, 0) + by


def new_york_day(moment: Any) -> date:  # noqa: ANN401 -- an aware datetime
    """Return the date in New York."""
    day: date = moment.astimezone(_NEW_YORK).date()
    return day


def _place(event: Any) -> Place | None:  # noqa: ANN401 -- any event about a recommendation
    number = event.envelope.recommendation_id
    return None if number is None else (number, event.envelope.leg or Leg.ENTRY)


def _known(ledger: Ledger, name: str) -> Order | None:
    order = ledger.orders.get(name)
    return None if order is None or order.end == _DONE else order


def _over(ledger: Ledger, order: Order, end: str, event_id: UUID) -> None:
    order.end, order.ended_by = end, event_id
    ledger.working.discard(order.terms.client_order_id)
    if end in ("rejected", "expired", "failed"):
        ledger.count(end, order.place)


def _ended_by(ledger: Ledger, event: Any) -> bool:  # noqa: ANN401 -- an end of an order
    order = _known(ledger, event.client_order_id)
    return order is not None and order.end is not None and order.ended_by == event.envelope.event_id


def _intended(ledger: Ledger, event: OrderIntended, _: int) -> bool:
    place, terms = _place(event), event.terms
    if place is None:
        return False
    if place in ledger.decided:
        return True
    taken = _known(ledger, terms.client_order_id) is not None
    if taken or terms.quantity <= 0 or terms.multiplier < 1:
        return False
    ledger.decided.add(place)
    ledger.orders[terms.client_order_id] = Order(place, terms)
    ledger.working.add(terms.client_order_id)
    if terms.take_profit is not None and terms.stop_loss is not None:
        for leg in (Leg.STOP, Leg.TARGET):
            _waits(ledger, (place[0], leg), terms)
    ledger.prices[terms.symbol] = event.market.reference_price
    return True


def _waits(ledger: Ledger, place: Place, entry: OrderTerms) -> None:
    """Write down a stop or a target that the broker holds: it gives back what the entry takes."""
    name = client_order_id(AccountName(ledger.account_name), RecommendationId(place[0]), place[1])
    side = Side.SELL if entry.side is Side.BUY else Side.BUY
    terms = replace(entry, client_order_id=name, side=side, closes_position=True, take_profit=None)
    ledger.orders[name] = Order(place, terms, status="waiting")
    ledger.working.add(name)


def _declined(ledger: Ledger, event: RecommendationDeclined, _: int) -> bool:
    place = _place(event)
    if place is None:
        return False
    if place not in ledger.decided:
        ledger.decided.add(place)
        ledger.count("declined", place)
        symbol = event.option.symbol if event.option is not None else None
        if event.instrument_type is InstrumentType.STOCK:
            symbol = event.ticker
        if event.market is not None and symbol is not None:
            ledger.prices[symbol] = event.market.reference_price
    return True


def _failed(ledger: Ledger, event: RecommendationFailed, _: int) -> bool:
    place = _place(event)
    if place is None:
        return False
    if place not in ledger.decided:
        ledger.decided.add(place)
        ledger.failed.add(place)
        ledger.count("failed", place)
        return True
    order = _known(ledger, ledger.order_of(event))
    if order is None:
        return place in ledger.failed
    if order.end is not None:
        return order.ended_by == event.envelope.event_id
    if order.status in _SETTLED or order.filled > 0:
        return False
    _over(ledger, order, "failed", event.envelope.event_id)
    ledger.failed.add(place)
    return True


def _accepted(ledger: Ledger, event: OrderAccepted, _: int) -> bool:
    order = _known(ledger, event.client_order_id)
    if order is None:
        return _place(event) in ledger.filled
    if order.end is None and order.broker_order_id is None:
        order.status, order.broker_order_id = "accepted", event.broker_order_id
    return order.broker_order_id == event.broker_order_id


def _rejected(ledger: Ledger, event: OrderRejected, _: int) -> bool:
    order = _known(ledger, event.client_order_id)
    if order is None or order.end is not None or order.filled > 0:
        return _ended_by(ledger, event)
    _over(ledger, order, "rejected", event.envelope.event_id)
    return True


def _canceled(ledger: Ledger, event: OrderCanceled | OrderExpired, _: int) -> bool:
    order = _known(ledger, event.client_order_id)
    if order is None or order.end is not None:
        return _place(event) in ledger.filled or _ended_by(ledger, event)
    order.broker_order_id = order.broker_order_id or event.broker_order_id
    end = "executed" if order.filled > 0 else "" if event.cumulative_quantity > 0 else "expired"
    _over(ledger, order, end, event.envelope.event_id)
    _awaits(ledger, order, min(event.cumulative_quantity, order.terms.quantity) - order.filled)
    return True


def _awaits(ledger: Ledger, order: Order, quantity: Decimal) -> None:
    order.awaited = max(quantity, Decimal(0))
    if order.awaited:
        ledger.awaiting.add(order.terms.client_order_id)
    else:
        ledger.awaiting.discard(order.terms.client_order_id)


def _unknown(ledger: Ledger, event: OrderOutcomeUnknown, _: int) -> bool:
    order = _known(ledger, event.client_order_id)
    if order is None:
        return _place(event) in ledger.filled
    if event.attempt > order.attempts:
        return False
    if order.end is None and event.attempt == order.attempts and order.status == "intended":
        order.status = "unknown"
    return True


def _resent(ledger: Ledger, event: OrderResent, _: int) -> bool:
    order = _known(ledger, event.client_order_id)
    if order is None:
        return _place(event) in ledger.filled
    if event.attempt <= order.attempts:
        return True
    if order.end is not None or order.status in _SETTLED:
        return False
    order.status, order.attempts = "intended", event.attempt
    return True


def _filled(ledger: Ledger, event: OrderFilled, offset: int) -> bool:
    order = _known(ledger, event.client_order_id)
    if order is None:
        return _place(event) in ledger.filled
    if event.cumulative_quantity <= order.filled:
        return True
    terms = order.terms
    fits = (
        order.end not in ("rejected", "failed")
        and (event.symbol, event.side, event.multiplier)
        == (terms.symbol, terms.side, terms.multiplier)
        and event.cumulative_quantity <= terms.quantity
        and event.cumulative_notional > order.notional
        and _multiplier_fits(ledger, terms.symbol, terms.multiplier)
    )
    if not fits:
        return False
    sign = 1 if terms.side is Side.BUY else -1
    quantity = sign * (event.cumulative_quantity - order.filled)
    amount = sign * (event.cumulative_notional - order.notional) * terms.multiplier
    _traded(ledger, terms, quantity, amount, event.fees, offset)
    if order.filled == 0 and order.place[1] is Leg.ENTRY:
        if order.end == "expired":
            ledger.count("expired", order.place, -1)
        ledger.count("executed", order.place)
        day = new_york_day(event.envelope.occurred_at)
        ledger.executed_on[day] = ledger.executed_on.get(day, 0) + 1
    _awaits(ledger, order, order.awaited - abs(quantity))
    order.filled, order.notional = event.cumulative_quantity, event.cumulative_notional
    order.status = "accepted"
    order.broker_order_id = order.broker_order_id or event.broker_order_id
    if order.filled == terms.quantity:
        order.end = _DONE
        ledger.working.discard(terms.client_order_id)
        del ledger.orders[terms.client_order_id]  # nothing more can come of it
        ledger.filled.add(order.place)
    elif order.end is not None:
        order.end = "executed"
    ledger.prices[terms.symbol] = event.price
    return True


def _adjusted(ledger: Ledger, event: PositionAdjusted, offset: int) -> bool:
    if not _multiplier_fits(ledger, event.symbol, event.multiplier):
        return False
    ledger.once.add(event.envelope.event_id)
    change = event.quantity_change
    held = ledger.holdings.get(event.symbol)
    left = change if held is None else held.quantity + change
    splits = event.kind is AdjustmentKind.CORPORATE_ACTION and event.price == 0
    if held is not None and splits and left * held.quantity > 0 and change != 0:
        if event.symbol in ledger.prices:
            ledger.prices[event.symbol] = cents(ledger.prices[event.symbol] * held.quantity / left)
        held.split(left)
        held.log_offset = offset
        change = Decimal(0)
    if change == 0:
        ledger.cash -= event.fees
        ledger.fees += event.fees
    else:
        amount = change * event.price * event.multiplier
        _traded(ledger, event, change, amount, event.fees, offset)
        if event.kind in _TRADES and event.price > 0:
            ledger.prices[event.symbol] = event.price
    return True


def _multiplier_fits(ledger: Ledger, symbol: str, multiplier: int) -> bool:
    held = ledger.holdings.get(symbol)
    return multiplier > 0 and (held is None or held.multiplier == multiplier)


def _traded(
    ledger: Ledger,
    about: OrderTerms | PositionAdjusted,
    quantity: Decimal,
    amount: Decimal,
    fees: Decimal,
    offset: int,
) -> None:
    ledger.cash = ledger.cash - amount - fees
    ledger.fees += fees
    held = ledger.holdings.pop(about.symbol, None) or Holding(
        about.ticker, about.instrument_type, about.multiplier, offset
    )
    held.trade(quantity, amount, fifo=ledger.fifo)
    held.ticker, held.instrument_type, held.log_offset = about.ticker, about.instrument_type, offset
    if held.quantity != 0:
        ledger.holdings[about.symbol] = held


_WRITERS: Final[dict[type, Callable[[Ledger, Any, int], bool]]] = {
    OrderIntended: _intended,
    RecommendationDeclined: _declined,
    RecommendationFailed: _failed,
    OrderAccepted: _accepted,
    OrderRejected: _rejected,
    OrderCanceled: _canceled,
    OrderExpired: _canceled,
    OrderOutcomeUnknown: _unknown,
    OrderResent: _resent,
    OrderFilled: _filled,
    PositionAdjusted: _adjusted,
}
