"""What an account keeps as events come, reckoned anew from what it is of."""

from collections import Counter
from decimal import Decimal

from accounts.closed_orders import ClosedOrder, Order
from accounts.state import ZERO, AccountState, OpenOrder


def assert_books_are_right(state: AccountState) -> None:
    """Assert that every sum and index equals what it is a sum or an index of."""
    held, orders = state.positions.values(), state.orders.values()
    assert state.held_cost == sum((abs(position.cost) for position in held), ZERO)
    assert state.net_cost == sum((position.cost for position in held), ZERO)
    worth = [position.worth(state.last_prices.get(position.symbol)) for position in held]
    assert state.market_value == sum(worth, ZERO)
    assert state.equity - state.cash - state.net_cost == state.open_pnl
    reserves = [order.reserved for order in (*orders, *state.closed_orders.values())]
    assert state.reserved == sum(reserves, ZERO)
    assert state.peak_exposure >= state.exposure
    assert all(position.quantity != 0 for position in held)
    assert all(order.open_quantity > 0 for order in orders)
    _assert_indexes_are_right(state)
    for position in held:
        if len(position.lots):
            lots = list(position.lots)
            assert sum((lot.quantity for lot in lots), ZERO) == position.quantity
            assert sum((lot.cost for lot in lots), ZERO) == position.cost
            assert all((lot.quantity > 0) == (position.quantity > 0) for lot in lots)


def _assert_indexes_are_right(state: AccountState) -> None:
    orders = state.orders.values()
    entries = [order for order in orders if not order.terms.closes_position]
    exits = [order for order in orders if order.terms.closes_position]
    awaited = [order for order in state.closed_orders.values() if order.awaited is not None]
    coming: list[Order] = [*entries, *(order for order in awaited if order.reserved)]
    unresolved = [order for order in orders if order.unresolved]
    listed = [name for names in state.inbound.values() for name in names]
    assert max(Counter(listed).values(), default=1) == 1
    assert len(listed) == len(coming)
    for symbol, names in state.inbound.items():
        assert len(names) == sum(order.terms.symbol == symbol for order in coming)
        assert state.inbound_order(symbol) == names[0]
    for ticker, names in state.unresolved_orders.items():
        assert {state.orders[name].terms.ticker for name in names} == {ticker}
        assert state.unresolved_on(ticker) == names[0]
    assert {order.client_order_id for order in state.unresolved()} == {
        order.client_order_id for order in unresolved
    }
    assert len(state.unresolved()) == len(unresolved)
    assert dict(state.closing) == _closing(exits, awaited)
    symbols = {*state.positions, *(order.terms.symbol for order in coming)}
    assert state.open_symbols() == symbols
    assert state.open_position_count == len(symbols)
    assert all(state.is_open(symbol) for symbol in symbols)


def _closing(exits: list[OpenOrder], awaited: list[ClosedOrder]) -> dict[str, Decimal]:
    """Return what may still be closed by symbol: of a stop and its target the larger one."""
    families: dict[tuple[str, str], list[Decimal]] = {}
    for order in exits:
        family = (order.terms.symbol, order.parent or order.client_order_id)
        families.setdefault(family, []).append(order.open_quantity)
    closing: dict[str, Decimal] = {}
    for (symbol, _), quantities in families.items():
        closing[symbol] = closing.get(symbol, ZERO) + max(quantities)
    for late in awaited:
        if late.awaited is not None and late.awaited.closes_position:
            symbol = late.terms.symbol
            closing[symbol] = closing.get(symbol, ZERO) + late.awaited.quantity
    return closing
