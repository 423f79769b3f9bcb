"""Holdings and cash: what a trade, an expiry or a split does to an account's books."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from accounts.books import with_closed, with_peak, with_position
from accounts.changing import changed
from accounts.lots import Lots
from accounts.positions import Trade, booked, fits
from accounts.state import AccountState, Position
from events.account import AdjustmentKind, CostBasis, PositionAdjusted
from events.identifiers import AccountName, RecommendationId, client_order_id
from events.values import money

_TRADES: Final = frozenset({AdjustmentKind.OUTSIDE_TRADE, AdjustmentKind.LATE_FILL})


def book(state: AccountState, trade: Trade, *, price: Decimal | None) -> AccountState:
    """Return the account after `trade`, which must fit what is held.

    `price` in US dollars per share is what it was seen at last from here on; None: as before.
    """
    result = booked(state.positions.get(trade.symbol), trade, cost_basis(state))
    return changed(
        with_position(state, trade.symbol, result.position, price=price),
        cash=state.cash - trade.amount - trade.fees,
        fees=state.fees + trade.fees,
        realised_pnl=state.realised_pnl + result.realised,
    )


def cost_basis(state: AccountState) -> CostBasis:
    """Return how the account's realised P&L is reckoned: by average cost unless it says FIFO."""
    return CostBasis.AVERAGE if state.opened is None else state.opened.cost_basis


def adjusted(state: AccountState, event: PositionAdjusted) -> AccountState:
    """Return the account after a holding changed without an order; by event id, once.

    A trade made elsewhere tells a price as any trade does, so what it brings in at that price is
    no profit by itself.
    """
    event_id = event.envelope.event_id
    change = event.quantity_change
    trade = Trade(
        ticker=event.ticker,
        symbol=event.symbol,
        instrument_type=event.instrument_type,
        multiplier=event.multiplier,
        quantity=change,
        amount=change * event.price * event.multiplier,
        fees=event.fees,
    )
    if not fits(state, trade):
        return state.with_incident(event_id)
    remembered = changed(state, applied=state.applied.set(event_id, None))
    if change == 0:
        return _charged(remembered, event.fees)
    held = state.positions.get(event.symbol)
    if held is not None and _is_split(event, held):
        return _split(_charged(remembered, event.fees), held, held.quantity + change)
    traded = event.kind in _TRADES and event.price > 0
    moved = book(remembered, trade, price=event.price if traded else None)
    return with_peak(_counted(moved, event) if event.kind is AdjustmentKind.LATE_FILL else moved)


def _counted(state: AccountState, event: PositionAdjusted) -> AccountState:
    """Remember at the order itself how much of it was filled late: what follows is told beyond."""
    about = event.envelope
    if about.recommendation_id is None or about.leg is None:
        return state
    name = client_order_id(
        AccountName(about.account_name), RecommendationId(about.recommendation_id), about.leg
    )
    ended = state.closed_orders.get(name)
    if ended is None:
        return state
    filled = abs(event.quantity_change)
    after = ended.with_fills(
        ended.cumulative_quantity + filled,
        ended.cumulative_notional + money(event.price * filled),
    )
    return with_closed(state, name, ended, after)


def _charged(state: AccountState, fees: Decimal) -> AccountState:
    return changed(state, cash=state.cash - fees, fees=state.fees + fees)


def _split(state: AccountState, held: Position, quantity: Decimal) -> AccountState:
    """More shares or fewer for the same money: the price seen last is one of the old shares."""
    lots = held.lots.split(held.quantity, quantity) if len(held.lots) else Lots()
    last = state.last_prices.get(held.symbol)
    price = None if last is None else money(last * held.quantity / quantity)
    after = replace(held, quantity=quantity, lots=lots)
    return with_position(state, held.symbol, after, price=price)


def _is_split(event: PositionAdjusted, held: Position) -> bool:
    """Whether shares came or went for nothing while a holding remains: its cost stays whole."""
    left = held.quantity + event.quantity_change
    return (
        event.kind is AdjustmentKind.CORPORATE_ACTION
        and event.price == 0
        and left != 0
        and (left > 0) == (held.quantity > 0)
    )
