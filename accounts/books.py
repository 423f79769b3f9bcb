"""The sums and indexes of an account, kept up to date: nothing else may touch what they are of."""

from decimal import Decimal

from immutables import Map

from accounts.changing import changed
from accounts.closed_orders import ClosedOrder, Order
from accounts.state import ZERO, AccountState, OpenOrder, Position
from events.identifiers import ClientOrderId


def with_order(
    state: AccountState, before: OpenOrder | None, after: OpenOrder | None
) -> AccountState:
    """Return the account in which open order `before` has become `after`.

    None: it was not open, or is no longer.
    """
    order = before if after is None else after
    if order is None:
        return state
    name, terms = order.client_order_id, order.terms
    orders = state.orders.delete(name) if after is None else state.orders.set(name, after)
    was = before is not None and before.unresolved
    now = after is not None and after.unresolved
    unresolved = state.unresolved_orders
    if was is not now:
        unresolved = _listed(unresolved, terms.ticker, name, listed=now)
    kept = changed(state, orders=orders, unresolved_orders=unresolved)
    if terms.closes_position:
        # A stop is there for the same shares as its target: until both are over, the larger counts.
        other = _open(_other_leg(state, order))
        grown = max(_open(after), other) - max(_open(before), other)
        return _with_closing(kept, terms.symbol, grown)
    if before is None or after is None:
        kept = _with_inbound(kept, terms.symbol, name, listed=after is not None)
    return changed(kept, reserved=state.reserved + _reserved(after) - _reserved(before))


def with_closed(
    state: AccountState, name: ClientOrderId, before: ClosedOrder | None, after: ClosedOrder | None
) -> AccountState:
    """Return the account in which ended order `before` has become `after`; None: there is none.

    What the broker says had filled holds its exposure, its position or its share of what is held
    until the fills are told.
    """
    others = state.closed_orders
    closed = others.delete(name) if after is None else others.set(name, after)
    kept = changed(state, closed_orders=closed)
    order = before if after is None else after
    was = None if before is None else before.awaited
    now = None if after is None else after.awaited
    awaited = was if now is None else now
    if order is None or awaited is None:
        return kept
    symbol = order.terms.symbol
    if awaited.closes_position:
        grown = (ZERO if now is None else now.quantity) - (ZERO if was is None else was.quantity)
        return _with_closing(kept, symbol, grown)
    if (was is None) is not (now is None):
        kept = _with_inbound(kept, symbol, name, listed=now is not None)
    return changed(kept, reserved=state.reserved + _reserved(after) - _reserved(before))


def with_position(
    state: AccountState, symbol: str, after: Position | None, *, price: Decimal | None = None
) -> AccountState:
    """Return the account that holds `after` of `symbol` (None: nothing).

    `price` in US dollars per share is the last one seen from here on; None: the same as before.
    """
    before, known = state.positions.get(symbol), state.last_prices.get(symbol)
    seen = known if price is None else price
    prices = state.last_prices
    if price is not None and price != known:
        prices = prices.set(symbol, price)
    if before is after is None:
        return state if prices is state.last_prices else changed(state, last_prices=prices)
    if after is not None:
        positions = state.positions.set(symbol, after)
    else:
        positions = state.positions.delete(symbol)
    count = state.open_position_count
    if symbol not in state.inbound:
        count += (after is not None) - (before is not None)
    cost_before, worth_before = _cost_and_worth(before, known)
    cost_after, worth_after = _cost_and_worth(after, seen)
    return changed(
        state,
        positions=positions,
        last_prices=prices,
        held_cost=state.held_cost + abs(cost_after) - abs(cost_before),
        net_cost=state.net_cost + cost_after - cost_before,
        market_value=state.market_value + worth_after - worth_before,
        open_position_count=count,
    )


def with_price(state: AccountState, symbol: str, price: Decimal) -> AccountState:
    """Return the account that has seen `symbol` at `price` US dollars per share."""
    known = state.last_prices.get(symbol)
    if known == price:
        return state
    prices = state.last_prices.set(symbol, price)
    held = state.positions.get(symbol)
    if held is None:
        return changed(state, last_prices=prices)
    value = state.market_value + held.worth(price) - held.worth(known)
    return changed(state, last_prices=prices, market_value=value)


def with_peak(state: AccountState) -> AccountState:
    """Return the account with its highest exposure brought up to date."""
    exposure = state.exposure
    return state if exposure <= state.peak_exposure else changed(state, peak_exposure=exposure)


def _other_leg(state: AccountState, order: OpenOrder) -> OpenOrder | None:
    """Return the target of a stop, or the stop of a target, while it is open; O(open orders)."""
    if order.parent is None:
        return None
    legs = state.legs_of(order.parent)
    return next((leg for leg in legs if leg.leg is not order.leg), None)


def _with_closing(state: AccountState, symbol: str, grown: Decimal) -> AccountState:
    if grown == 0:
        return state
    return changed(state, closing=_summed(state.closing, symbol, grown))


def _with_inbound(
    state: AccountState, symbol: str, name: ClientOrderId, *, listed: bool
) -> AccountState:
    inbound, count = _listed(state.inbound, symbol, name, listed=listed), state.open_position_count
    if symbol not in state.positions:
        count += (symbol in inbound) - (symbol in state.inbound)
    return changed(state, inbound=inbound, open_position_count=count)


def _listed(
    index: Map[str, tuple[ClientOrderId, ...]], key: str, name: ClientOrderId, *, listed: bool
) -> Map[str, tuple[ClientOrderId, ...]]:
    """O(orders open under `key` at once), which gates hold at one or two."""
    names = index.get(key, ())
    if listed:
        return index.set(key, (*names, name))
    left = tuple([other for other in names if other != name])
    return index.set(key, left) if left else index.delete(key)


def _summed(sums: Map[str, Decimal], key: str, grown: Decimal) -> Map[str, Decimal]:
    total = sums.get(key, ZERO) + grown
    return sums.set(key, total) if total else sums.delete(key)


def _open(order: OpenOrder | None) -> Decimal:
    return ZERO if order is None else order.open_quantity


def _reserved(order: Order | None) -> Decimal:
    return ZERO if order is None else order.reserved


def _cost_and_worth(position: Position | None, price: Decimal | None) -> tuple[Decimal, Decimal]:
    return (ZERO, ZERO) if position is None else (position.cost, position.worth(price))
