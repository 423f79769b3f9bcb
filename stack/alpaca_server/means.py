"""Whether an account has what an order needs: a free id, money, shares, no order against it."""

from decimal import Decimal
from typing import Final

from stack.alpaca_server.account import Account, figures, worst_cost
from stack.alpaca_server.errors import (
    bad,
    broken,
    forbidden,
    insufficient_buying_power,
    insufficient_options_buying_power,
    insufficient_quantity,
    wash_trade,
)
from stack.alpaca_server.instruments import (
    CONTRACT_SHARES,
    Asset,
    Contract,
    Instrument,
    Instruments,
)
from stack.alpaca_server.market import Market
from stack.alpaca_server.order import NOTHING, Order, Terms
from stack.alpaca_server.values import decimals_of, text

_LEAST_COST: Final = Decimal(1)


def check_unique(terms: Terms, account: Account) -> None:
    """Refuse (422/40010001) an id that any order of the account has ever had, ended ones too."""
    if terms.client_order_id in account.by_client_order_id:
        raise bad("client_order_id must be unique")


def intent_of(terms: Terms, account: Account) -> str:
    """Return what an order does to the position. Raises Refusal when the client says otherwise."""
    held = account.held(terms.symbol)
    closes = held < 0 if terms.side == "buy" else held > 0
    inferred = f"{terms.side}_to_{'close' if closes else 'open'}"
    if terms.position_intent not in {None, inferred}:
        raise broken(
            f"position intent mismatch, inferred: {inferred}, specified: {terms.position_intent}"
        )
    return inferred


def check_quantity(order: Order, instrument: Instrument, account: Account) -> None:
    """Refuse (403) to sell more than is held and free, or short where that is not allowed."""
    terms = order.terms
    wanted = terms.qty or NOTHING
    if "close" in order.position_intent:
        existing = abs(account.held(terms.symbol))
        held, related = account.held_for_orders(terms.symbol)
        if wanted > existing - held:
            raise insufficient_quantity(
                symbol=terms.symbol,
                wanted=text(wanted),
                available=text(existing - held),
                existing=text(existing),
                held=text(held),
                related=related,
            )
    elif terms.side == "sell" and isinstance(instrument, Asset):
        if terms.notional is not None or decimals_of(wanted):
            raise broken("fractional orders cannot be sold short")
        if not account.shorting_enabled:
            raise forbidden("account is not allowed to short")
        if not instrument.shortable:
            raise forbidden(f'asset "{terms.symbol}" cannot be sold short')


def check_funds(
    order: Order, instrument: Instrument, account: Account, instruments: Instruments, market: Market
) -> None:
    """Refuse (403) what the account cannot pay."""
    cost = worst_cost(order, instruments, market)
    if "close" in order.position_intent:
        return
    free = figures(account, instruments, market)
    if isinstance(instrument, Contract):
        if order.terms.side == "sell":
            covers = instrument.strike * CONTRACT_SHARES * (order.terms.qty or NOTHING)
            cost = covers if instrument.kind == "put" else NOTHING
        if cost > free.options_buying_power:
            raise insufficient_options_buying_power(cost, free.options_buying_power)
        return
    if cost > free.buying_power:
        raise insufficient_buying_power(cost, free.buying_power)
    if 0 < cost < _LEAST_COST and order.terms.side == "buy":
        raise forbidden("cost basis must be >= minimal amount of order 1")


def check_wash_trade(order: Order, account: Account) -> None:
    """Refuse (403) an order that could trade with an open one of the same account."""
    terms = order.terms
    for other in account.open_orders():
        theirs = other.terms
        if theirs.symbol != terms.symbol or theirs.side == terms.side or other.parent_id:
            continue
        if other.position_intent == "sell_to_open" and order.position_intent == "buy_to_open":
            raise forbidden("cannot open a long buy while a short sell order is open")
        if _could_meet(terms, theirs):
            raise wash_trade(other.id, "limit" if theirs.type == "limit" else "market/stop")


def _could_meet(one: Terms, other: Terms) -> bool:
    if one.limit_price is None or other.limit_price is None:
        return True
    buy, sell = (one, other) if one.side == "buy" else (other, one)
    return (buy.limit_price or NOTHING) >= (sell.limit_price or NOTHING)
