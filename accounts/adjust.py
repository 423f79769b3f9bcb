"""Holdings and cash: what a trade, an expiry or a split does to an account's books."""

from dataclasses import replace
from decimal import Decimal

from immutables import Map

from accounts.positions import Trade, booked, fits
from accounts.state import ZERO, AccountState, Position
from events.account import AdjustmentKind, PositionAdjusted


def book(state: AccountState, trade: Trade) -> AccountState:
    """Return the account after `trade`, which must fit what is held."""
    held = state.positions.get(trade.symbol)
    result = booked(held, trade)
    return replace(
        state,
        positions=_with(state, trade.symbol, result.position),
        held_cost=state.held_cost + _at_cost(result.position) - _at_cost(held),
        cash=state.cash - trade.amount - trade.fees,
        fees=state.fees + trade.fees,
        realised_pnl=state.realised_pnl + result.realised,
    )


def with_peak(state: AccountState) -> AccountState:
    """Return the account with its highest exposure brought up to date."""
    if state.exposure <= state.peak_exposure:
        return state
    return replace(state, peak_exposure=state.exposure)


def adjusted(state: AccountState, event: PositionAdjusted) -> AccountState:
    """Return the account after a holding changed without an order; by event id, once."""
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
    remembered = replace(state, applied=state.applied.set(event_id, None))
    if change == 0:
        return replace(remembered, cash=state.cash - event.fees, fees=state.fees + event.fees)
    held = state.positions.get(event.symbol)
    if held is not None and _is_split(event, held):
        split = replace(held, quantity=held.quantity + change)
        return replace(
            remembered,
            positions=state.positions.set(event.symbol, split),
            cash=state.cash - event.fees,
            fees=state.fees + event.fees,
        )
    return with_peak(book(remembered, trade))


def _is_split(event: PositionAdjusted, held: Position) -> bool:
    """Whether shares came or went for nothing while a holding remains: its cost stays whole."""
    left = held.quantity + event.quantity_change
    return (
        event.kind is AdjustmentKind.CORPORATE_ACTION
        and event.price == 0
        and left != 0
        and (left > 0) == (held.quantity > 0)
    )


def _with(state: AccountState, symbol: str, position: Position | None) -> Map[str, Position]:
    if position is not None:
        return state.positions.set(symbol, position)
    return state.positions.delete(symbol) if symbol in state.positions else state.positions


def _at_cost(position: Position | None) -> Decimal:
    return ZERO if position is None else abs(position.cost)
