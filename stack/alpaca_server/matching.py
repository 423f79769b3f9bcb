"""Whether, and at what price, an order trades against a quote."""

from decimal import Decimal

from stack.alpaca_server.market import Quote
from stack.alpaca_server.order import Order


def is_touched(order: Order, quote: Quote) -> bool:
    """Tell whether a stop's price has been reached; other orders have none to reach."""
    stop = order.terms.stop_price
    if stop is None or order.triggered:
        return True
    price = quote.price_for(order.terms.side)
    return price >= stop if order.terms.side == "buy" else 0 < price <= stop


def execution(order: Order, quote: Quote, taken: Decimal) -> tuple[Decimal, Decimal] | None:
    """Return quantity and price that the order gets now, None when it gets nothing.

    `taken` is what it has already had of this quote's size.
    """
    price = quote.price_for(order.terms.side)
    limit = order.terms.limit_price
    if price <= 0:
        return None
    if limit is not None and (price > limit if order.terms.side == "buy" else price < limit):
        return None
    left = order.remaining(price)
    quantity = min(left, quote.size_for(order.terms.side) - taken)
    if quantity <= 0 or (order.terms.time_in_force == "fok" and quantity < left):
        return None
    return quantity, price
