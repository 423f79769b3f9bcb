"""What each event makes of an account's ledger: one function for each, none knows another's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from events.account import PositionAdjusted
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
from projections.verify.ledger import Ledger, Order, Place, new_york_day
from projections.verify.trades import adjust, multiplier_fits, trade

_DONE: Final = "filled"
_SETTLED: Final = ("accepted", "waiting")


def book(ledger: Ledger, event: Any, offset: int) -> None:  # noqa: ANN401 -- any event of a log
    """Write down what an event says about an order or a holding; what cannot be is counted."""
    write = _WRITERS.get(type(event))
    with on_its_day(ledger, event):
        if write is not None and not write(ledger, event, offset):
            ledger.incident(event.envelope.event_id)
    if isinstance(event, OrderIntended | OrderFilled | PositionAdjusted):
        ledger.peak = max(ledger.peak, ledger.exposure())


@contextmanager
def on_its_day(ledger: Ledger, event: Any) -> Iterator[None]:  # noqa: ANN401 -- any event of a log
    """Write an event down inside: the first that does anything about advice opens its day."""
    day = _day_of(ledger, event)
    if day is None:
        yield
        return
    before, equity = _traces(ledger, event), ledger.equity()
    yield
    if _traces(ledger, event) != before:
        ledger.day, ledger.equity_at_start = day, equity


def _day_of(ledger: Ledger, event: Any) -> date | None:  # noqa: ANN401 -- any event
    """Return the day that an event opens, if it is about a recommendation and does anything."""
    day = new_york_day(event.envelope.occurred_at)
    about = event.envelope.recommendation_id is not None
    return day if about and (ledger.day is None or day > ledger.day) else None


def _traces(ledger: Ledger, event: Any) -> tuple[object, ...]:  # noqa: ANN401 -- any event
    """Return what differs afterwards if an event did anything at all."""
    about = event.envelope.recommendation_id is not None
    order = ledger.orders.get(ledger.order_of(event)) if about else None
    told = None if order is None else (order.status, order.attempts, order.filled, order.end)
    owner = None if order is None else order.broker_order_id
    return (ledger.incidents, len(ledger.once), len(ledger.decided), told, owner)


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
        and multiplier_fits(ledger, terms.symbol, terms.multiplier)
    )
    if not fits:
        return False
    sign = 1 if terms.side is Side.BUY else -1
    quantity = sign * (event.cumulative_quantity - order.filled)
    amount = sign * (event.cumulative_notional - order.notional) * terms.multiplier
    trade(ledger, terms, quantity, amount, event.fees, offset)
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
    PositionAdjusted: adjust,
}
