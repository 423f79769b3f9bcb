"""What the account's own decisions do to its state: the first per recommendation and leg wins."""

from datetime import datetime

from immutables import Map

from accounts.books import with_order, with_peak, with_price
from accounts.brackets import legs_of
from accounts.calendar import exchange_day
from accounts.changing import changed
from accounts.days import with_one_more, with_recent
from accounts.outcomes import closed
from accounts.state import (
    AccountState,
    End,
    Ends,
    OpenOrder,
    OrderStatus,
    TickerDay,
    decision_number,
)
from events.decision import RecommendationDeclined, RecommendationFailed, Stage
from events.envelope import Envelope
from events.identifiers import (
    AccountName,
    ClientOrderId,
    Leg,
    RecommendationId,
    client_order_id,
)
from events.order import OrderIntended
from events.recommendation import InstrumentType


def intended(state: AccountState, event: OrderIntended) -> AccountState:
    """Return the account with an unresolved order that holds its worst price in reserve."""
    envelope, terms = event.envelope, event.terms
    if envelope.recommendation_id is None:
        return state.with_incident(envelope.event_id)
    leg = envelope.leg or Leg.ENTRY
    number = decision_number(envelope.recommendation_id, leg)
    if number in state.decided:
        return state
    name = ClientOrderId(terms.client_order_id)
    taken = name in state.orders or name in state.closed_orders
    if taken or terms.quantity <= 0 or terms.multiplier < 1:
        return state.with_incident(envelope.event_id)
    order = OpenOrder(
        recommendation_id=RecommendationId(envelope.recommendation_id),
        leg=leg,
        terms=terms,
        status=OrderStatus.INTENDED,
        intent_event_id=envelope.event_id,
        intended_at=envelope.occurred_at,
        attempted_at=envelope.occurred_at,
        attempts=1,
        fresh_until=event.fresh_until,
        submit_before=event.submit_before,
        answer_within_ms=event.answer_within_ms,
    )
    counted = leg is Leg.ENTRY and not terms.closes_position
    ordered = with_order(with_price(state, terms.symbol, event.market.reference_price), None, order)
    for waiting in legs_of(order, AccountName(envelope.account_name)):
        ordered = with_order(ordered, None, waiting)
    return with_peak(
        changed(
            ordered,
            decided=state.decided.add(number),
            day=with_one_more(state.day, orders=1),
            recent_orders=with_recent(state.recent_orders, envelope.occurred_at),
            ticker_days=_traded(state, terms.ticker, envelope.occurred_at, counted=counted),
            clock_at=_later(state.clock_at, envelope.occurred_at),
        )
    )


def declined(state: AccountState, event: RecommendationDeclined) -> AccountState:
    """Return the account with one more recommendation decided and ended."""
    envelope = event.envelope
    if envelope.recommendation_id is None:
        return state.with_incident(envelope.event_id)
    number = decision_number(envelope.recommendation_id, envelope.leg or Leg.ENTRY)
    if number in state.decided:
        return state
    priced = state
    symbol = _symbol(event)
    if event.market is not None and symbol is not None:
        priced = with_price(state, symbol, event.market.reference_price)
    return changed(
        priced,
        decided=state.decided.add(number),
        ends=_ended(state, End.DECLINED, envelope),
        clock_at=_later(state.clock_at, envelope.occurred_at),
    )


def _symbol(event: RecommendationDeclined) -> str | None:
    if event.instrument_type is InstrumentType.STOCK:
        return event.ticker
    return None if event.option is None else event.option.symbol


def failed(state: AccountState, event: RecommendationFailed) -> AccountState:
    """Return the account with the failure of a decision, or of an intent that never went out."""
    envelope = event.envelope
    if envelope.recommendation_id is None:
        return state.with_incident(envelope.event_id)
    leg = envelope.leg or Leg.ENTRY
    number = decision_number(envelope.recommendation_id, leg)
    if number not in state.decided:
        undecided = changed(
            state,
            decided=state.decided.add(number),
            ends=_ended(state, End.FAILED, envelope),
            clock_at=_later(state.clock_at, envelope.occurred_at),
        )
        return _failing(undecided, number, event)
    name = _order_of(event, RecommendationId(envelope.recommendation_id), leg)
    order = state.orders.get(name)
    if order is not None and order.unresolved and order.cumulative_quantity == 0:
        without = closed(state, order, End.FAILED, envelope.event_id)
        return _failing(without, number, event)
    before = state.closed_orders.get(name)
    told_again = order is None and (
        number in state.failed if before is None else before.closed_by == envelope.event_id
    )
    return state if told_again else state.with_incident(envelope.event_id)


def _order_of(
    event: RecommendationFailed, recommendation: RecommendationId, leg: Leg
) -> ClientOrderId:
    if event.client_order_id is not None:
        return ClientOrderId(event.client_order_id)
    return client_order_id(AccountName(event.envelope.account_name), recommendation, leg)


def _failing(state: AccountState, number: int, event: RecommendationFailed) -> AccountState:
    if event.stage is Stage.HALTED:
        # A halt kept it back, as it should: no fault that would call for another halt.
        return changed(state, failed=state.failed.add(number))
    return changed(
        state,
        failed=state.failed.add(number),
        failures_in_row=state.failures_in_row + 1,
        failing_tickers=state.failing_tickers | {event.ticker},
    )


def _ended(state: AccountState, end: End, envelope: Envelope) -> Ends:
    return state.ends if envelope.leg not in (None, Leg.ENTRY) else state.ends.plus(end)


def _traded(
    state: AccountState, ticker: str, at: datetime, *, counted: bool
) -> Map[str, TickerDay]:
    day, known = exchange_day(at), state.ticker_days.get(ticker)
    if known is not None and known.day > day:
        return state.ticker_days  # a clock that went back does not open yesterday again
    before = known.entries if known is not None and known.day == day else 0
    last_at = at if known is None else max(at, known.last_at)
    today = TickerDay(day=day, entries=before + counted, last_at=last_at)
    return state.ticker_days.set(ticker, today)


def _later(known: datetime | None, at: datetime) -> datetime:
    return at if known is None or at > known else known
