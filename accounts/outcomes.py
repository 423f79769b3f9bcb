"""What became of an order: what the broker said, and what it filled. Each counts once."""

from decimal import Decimal
from uuid import UUID

from accounts.adjust import book
from accounts.books import with_closed, with_order, with_peak
from accounts.changing import changed
from accounts.closed_orders import Order, ended
from accounts.days import with_one_more
from accounts.positions import Trade, fits
from accounts.state import (
    ZERO,
    AccountState,
    ClosedOrder,
    End,
    Ends,
    OpenOrder,
    OrderStatus,
    decision_number,
)
from events.envelope import Envelope
from events.identifiers import BrokerOrderId, ClientOrderId, Leg
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
    Side,
)

_NEVER_AT_THE_BROKER = frozenset({End.REJECTED, End.FAILED})


def accepted(state: AccountState, event: OrderAccepted) -> AccountState:
    """Return the account that knows: the broker has the order."""
    name = ClientOrderId(event.client_order_id)
    order = state.orders.get(name)
    if order is not None and order.broker_order_id is None:
        known = changed(
            order,
            status=OrderStatus.ACCEPTED,
            broker_order_id=BrokerOrderId(event.broker_order_id),
        )
        return _answered(_with_leg_id(with_order(state, order, known), name, known))
    told_of = _order_of(state, name)
    if told_of is None:
        told_again = _is_filled(state, event.envelope)
    else:
        told_again = told_of.broker_order_id == event.broker_order_id
    return state if told_again else state.with_incident(event.envelope.event_id)


def rejected(state: AccountState, event: OrderRejected) -> AccountState:
    """Return the account with the order refused: nothing of it can fill."""
    order = state.orders.get(ClientOrderId(event.client_order_id))
    if order is None or order.cumulative_quantity > 0:
        return _told_again(state, event)
    return _answered(closed(state, order, End.REJECTED, event.envelope.event_id))


def canceled(state: AccountState, event: OrderCanceled | OrderExpired) -> AccountState:
    """Return the account with the order over; what had filled stays, late fills still count.

    What had filled by the broker's word alone holds its exposure until its fills are told.
    """
    order = state.orders.get(ClientOrderId(event.client_order_id))
    if order is None:
        return state if _is_filled(state, event.envelope) else _told_again(state, event)
    known = changed(order, broker_order_id=_broker_order_id(order, event))
    if order.cumulative_quantity > 0:
        end: End | None = End.EXECUTED
    else:
        end = None if event.cumulative_quantity > 0 else End.EXPIRED
    told = event.cumulative_quantity
    return _answered(closed(state, known, end, event.envelope.event_id, told=told))


def outcome_unknown(state: AccountState, event: OrderOutcomeUnknown) -> AccountState:
    """Return the account in which nobody knows whether the broker has the order."""
    name = ClientOrderId(event.client_order_id)
    order = state.orders.get(name)
    if order is None or event.attempt > order.attempts:
        return _attempted(state, name, event)
    if event.attempt < order.attempts or order.status is not OrderStatus.INTENDED:
        return state
    return with_order(state, order, changed(order, status=OrderStatus.UNKNOWN))


def resent(state: AccountState, event: OrderResent) -> AccountState:
    """Return the account with the same order on its way once more."""
    name = ClientOrderId(event.client_order_id)
    order = state.orders.get(name)
    if order is None or not order.unresolved or event.attempt <= order.attempts:
        return _attempted(state, name, event)
    again = changed(
        order,
        status=OrderStatus.INTENDED,
        attempts=event.attempt,
        attempted_at=event.envelope.occurred_at,
        submit_before=event.submit_before,
        answer_within_ms=event.answer_within_ms,
    )
    return with_order(state, order, again)


def filled(state: AccountState, event: OrderFilled) -> AccountState:
    """Return the account after a fill: by its cumulative quantity, so that each counts once."""
    name = ClientOrderId(event.client_order_id)
    order = _order_of(state, name)
    if order is None:
        told_again = _is_filled(state, event.envelope)
        return state if told_again else state.with_incident(event.envelope.event_id)
    if event.cumulative_quantity <= order.cumulative_quantity:
        return state
    trade = _trade(order, event)
    refused = isinstance(order, ClosedOrder) and order.end in _NEVER_AT_THE_BROKER
    if refused or not _matches(order, event) or not fits(state, trade):
        return state.with_incident(event.envelope.event_id)
    moved = book(_with_progress(state, name, order, event), trade, price=event.price)
    return with_peak(_answered(moved))


def closed(
    state: AccountState,
    order: OpenOrder,
    end: End | None,
    event_id: UUID,
    *,
    told: Decimal = ZERO,
) -> AccountState:
    """Return the account with `order` no longer open and its reserve given back.

    All but what `told`, the broker's word on how much had filled, says is still to be heard of.
    """
    ends = state.ends
    if end is not None and end is not End.EXECUTED and order.leg is Leg.ENTRY:
        ends = ends.plus(end)  # an execution was counted at its first fill
    over = ended(order, end, event_id, told=told)
    return changed(
        with_closed(with_order(state, order, None), order.client_order_id, None, over), ends=ends
    )


def _order_of(state: AccountState, name: ClientOrderId) -> Order | None:
    return state.orders.get(name) or state.closed_orders.get(name)


def _with_progress(
    state: AccountState, name: ClientOrderId, order: Order, event: OrderFilled
) -> AccountState:
    whole = event.cumulative_quantity == order.terms.quantity
    after: Order
    if isinstance(order, OpenOrder):
        after = changed(
            order,
            status=OrderStatus.ACCEPTED,
            broker_order_id=_broker_order_id(order, event),
            cumulative_quantity=event.cumulative_quantity,
            cumulative_notional=event.cumulative_notional,
        )
        state = with_order(state, order, None if whole else after)
    else:
        after = order.with_fills(event.cumulative_quantity, event.cumulative_notional)._replace(
            broker_order_id=_broker_order_id(order, event), end=End.EXECUTED
        )
        state = with_closed(state, name, order, None if whole else after)
    number = decision_number(after.recommendation_id, after.leg)
    progressed = changed(
        state,
        day=with_one_more(state.day, fills=1),
        filled=state.filled.add(number) if whole else state.filled,
        ends=_executed(state.ends, order),
    )
    return _with_leg_id(progressed, name, after)


def _executed(ends: Ends, order: Order) -> Ends:
    if order.cumulative_quantity > 0 or order.leg is not Leg.ENTRY:
        return ends
    if isinstance(order, ClosedOrder) and order.end is End.EXPIRED:
        ends = ends.plus(End.EXPIRED, -1)  # it had filled after all: the same end, put right
    return ends.plus(End.EXECUTED)


def _trade(order: Order, event: OrderFilled) -> Trade:
    terms = order.terms
    sign = 1 if terms.side is Side.BUY else -1
    notional = event.cumulative_notional - order.cumulative_notional
    return Trade(
        ticker=terms.ticker,
        symbol=terms.symbol,
        instrument_type=terms.instrument_type,
        multiplier=terms.multiplier,
        quantity=sign * (event.cumulative_quantity - order.cumulative_quantity),
        amount=sign * notional * terms.multiplier,
        fees=event.fees,
    )


def _matches(order: Order, event: OrderFilled) -> bool:
    terms = order.terms
    return (
        event.symbol == terms.symbol
        and event.side is terms.side
        and event.multiplier == terms.multiplier
        and event.cumulative_quantity <= terms.quantity
        and event.cumulative_notional > order.cumulative_notional
    )


def _broker_order_id(
    order: Order, event: OrderFilled | OrderCanceled | OrderExpired
) -> BrokerOrderId:
    """The first one heard stays: a fill may come before the answer to the POST."""
    return order.broker_order_id or BrokerOrderId(event.broker_order_id)


def _with_leg_id(state: AccountState, name: ClientOrderId, order: Order) -> AccountState:
    """Remember for good what the broker calls a stop or a target of ours."""
    if not order.of_bracket or order.broker_order_id is None:
        return state
    return changed(state, leg_ids=state.leg_ids.set(order.broker_order_id, name))


def _told_again(
    state: AccountState, event: OrderRejected | OrderCanceled | OrderExpired
) -> AccountState:
    known = state.closed_orders.get(ClientOrderId(event.client_order_id))
    if known is not None and known.closed_by == event.envelope.event_id:
        return state
    return state.with_incident(event.envelope.event_id)


def _attempted(
    state: AccountState, name: ClientOrderId, event: OrderResent | OrderOutcomeUnknown
) -> AccountState:
    order = _order_of(state, name)
    known = _is_filled(state, event.envelope) if order is None else event.attempt <= order.attempts
    return state if known else state.with_incident(event.envelope.event_id)


def _is_filled(state: AccountState, envelope: Envelope) -> bool:
    if envelope.recommendation_id is None:
        return False
    return decision_number(envelope.recommendation_id, envelope.leg or Leg.ENTRY) in state.filled


def _answered(state: AccountState) -> AccountState:
    """The broker gave an answer: whatever failed in a row before, the row is broken."""
    if state.failures_in_row == 0:
        return state
    return changed(state, failures_in_row=0, failing_tickers=frozenset())
