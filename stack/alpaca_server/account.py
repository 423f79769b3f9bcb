"""An account's own ledger: cash, holdings, orders, activities."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from stack.alpaca_server.instruments import Instruments, shares_per
from stack.alpaca_server.market import Market
from stack.alpaca_server.order import NOTHING, Order
from stack.alpaca_server.values import cents

_SHORT_MARGIN: Final = Decimal("1.03")


@dataclass(frozen=True, slots=True)
class Holding:
    """A position: `qty` is negative when short, `average` is its entry price."""

    qty: Decimal
    average: Decimal

    def after(self, change: Decimal, price: Decimal) -> "Holding":
        """Return the holding after buying (or, negative, selling) at a price."""
        total = self.qty + change
        if self.qty * change >= 0 and total != 0:
            value = self.qty * self.average + change * price
            return Holding(total, value / total)
        return Holding(total, price if self.qty * total < 0 else self.average)


@dataclass(slots=True, kw_only=True)
class Account:
    """One account. `pinned_buying_power` overrules what would be computed."""

    number: str
    id: str
    key_id: str
    secret_key: str
    cash: Decimal
    created_at: int
    multiplier: Decimal = Decimal(4)
    status: str = "ACTIVE"
    options_level: int = 3
    shorting_enabled: bool = True
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False
    pinned_buying_power: Decimal | None = None
    orders: dict[str, Order] = field(default_factory=dict)
    by_client_order_id: dict[str, str] = field(default_factory=dict)
    open_ids: dict[str, None] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, order: Order) -> None:
        """Write an order down, in the place of what stood there."""
        self.orders[order.id] = order
        self.by_client_order_id.setdefault(order.terms.client_order_id, order.id)
        if order.has_ended:
            self.open_ids.pop(order.id, None)
        else:
            self.open_ids[order.id] = None

    def open_orders(self) -> Iterator[Order]:
        """Yield the orders that have not ended, oldest first."""
        for order_id in list(self.open_ids):
            order = self.orders[order_id]
            if not order.has_ended:
                yield order

    def held(self, symbol: str) -> Decimal:
        """Return the signed quantity that the account has of something."""
        found = self.holdings.get(symbol)
        return NOTHING if found is None else found.qty

    def trade(self, symbol: str, change: Decimal, price: Decimal, shares: Decimal) -> None:
        """Move a holding and the cash that it costs or brings."""
        after = self.holdings.get(symbol, Holding(NOTHING, NOTHING)).after(change, price)
        if after.qty == 0:
            self.holdings.pop(symbol, None)
        else:
            self.holdings[symbol] = after
        self.cash -= cents(change * price * shares)

    def held_for_orders(self, symbol: str) -> tuple[Decimal, tuple[str, ...]]:
        """Return how much of a holding its open closing orders hold, and which these are.

        The two legs of a bracket exclude each other and hold the same shares once.
        """
        held: dict[str, Decimal] = {}
        related = []
        for order in self.open_orders():
            waits = order.parent_id is not None and not self.orders[order.parent_id].has_ended
            if order.terms.symbol != symbol or "close" not in order.position_intent or waits:
                continue
            group = order.parent_id or order.id
            left = (order.terms.qty or NOTHING) - order.filled_qty
            held[group] = max(held.get(group, NOTHING), left)
            related.append(order.id)
        return sum(held.values(), NOTHING), tuple(related)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an account is worth, and what it may still spend, in US dollars."""

    equity: Decimal
    long_value: Decimal
    short_value: Decimal
    buying_power: Decimal
    regt_buying_power: Decimal
    options_buying_power: Decimal


def figures(account: Account, instruments: Instruments, market: Market) -> Figures:
    """Compute an account's figures; open orders that open a position reserve their worst price."""
    values = [
        holding.qty * market.price(symbol, holding.average) * shares_per(instruments.ensure(symbol))
        for symbol, holding in account.holdings.items()
    ]
    long_value = sum((value for value in values if value > 0), NOTHING)
    short_value = sum((value for value in values if value < 0), NOTHING)
    equity = account.cash + long_value + short_value
    reserved = sum(
        (worst_cost(order, instruments, market) for order in account.open_orders()), NOTHING
    )
    bound = long_value - short_value + reserved
    power = max(NOTHING, account.multiplier * equity - bound)
    options_power = max(NOTHING, account.cash - reserved)
    pinned = account.pinned_buying_power
    return Figures(
        equity=equity,
        long_value=long_value,
        short_value=short_value,
        buying_power=power if pinned is None else pinned,
        regt_buying_power=max(NOTHING, min(account.multiplier, Decimal(2)) * equity - bound),
        options_buying_power=options_power if pinned is None else pinned,
    )


def worst_cost(order: Order, instruments: Instruments, market: Market) -> Decimal:
    """Return what the rest of an opening order can cost; closing orders cost nothing."""
    terms = order.terms
    if "close" in order.position_intent or order.parent_id is not None:
        return NOTHING
    if terms.notional is not None:
        return terms.notional
    quote = market.quote(terms.symbol)
    ask = NOTHING if quote is None else quote.ask
    price = terms.limit_price or terms.stop_price or ask
    if terms.side == "sell":
        price = max(price, ask * _SHORT_MARGIN)
    shares = shares_per(instruments.ensure(terms.symbol))
    return ((terms.qty or NOTHING) - order.filled_qty) * price * shares
