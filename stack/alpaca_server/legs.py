"""Brackets: a filled entry wakes a take-profit and a stop-loss, of which one ends the other."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stack.alpaca_server.account import Account
from stack.alpaca_server.order import STOP_LOSS, TAKE_PROFIT, Order, Status, Terms
from stack.alpaca_server.values import id_of

if TYPE_CHECKING:
    from stack.alpaca_server.exchange import Exchange


def legs_of(entry: Order) -> tuple[Order, Order]:
    """Make the two legs of a bracket's entry; they are held until it is filled."""
    terms = entry.terms
    profit = _leg(entry, TAKE_PROFIT, type="limit", limit_price=terms.take_profit)
    stop_type = "stop" if terms.stop_loss_limit is None else "stop_limit"
    stop = _leg(
        entry,
        STOP_LOSS,
        type=stop_type,
        limit_price=terms.stop_loss_limit,
        stop_price=terms.stop_loss,
    )
    return profit, stop


def watches(account: Account, order: Order) -> bool:
    """Tell whether a held order is a stop-loss that waits for its price."""
    if order.status is not Status.HELD or order.leg != STOP_LOSS or order.parent_id is None:
        return False
    return account.orders[order.parent_id].status is Status.FILLED


def trigger(exchange: "Exchange", account: Account, stop: Order) -> Order:
    """Let a stop-loss work; its take-profit is cancelled first."""
    working = account.orders[stop.id].becoming(Status.NEW, exchange.at)
    exchange.record(account, working, "new")
    for other in _siblings(account, stop):
        exchange.record(account, other.becoming(Status.CANCELED, exchange.at), "canceled")
    return account.orders[stop.id]


def after_fill(exchange: "Exchange", account: Account, order: Order) -> None:
    """Wake the legs of a filled entry; end or shrink the other leg of a filled one."""
    if order.status is Status.FILLED:
        for leg_id in order.leg_ids:
            leg = account.orders[leg_id]
            if leg.has_ended:
                continue  # the entry had been cancelled, and they with it
            if leg.leg == TAKE_PROFIT:
                exchange.go_live(account, leg)
            else:
                exchange.match(account, leg)
    for other in _siblings(account, order):
        if order.status is Status.FILLED:
            exchange.record(account, other.becoming(Status.CANCELED, exchange.at), "canceled")
        else:
            whole = account.orders[order.parent_id or ""].filled_qty
            terms = replace(other.terms, qty=whole - order.filled_qty)
            account.keep(replace(other, terms=terms, updated_at=exchange.at))


def after_end(exchange: "Exchange", account: Account, order: Order) -> None:
    """Cancel the legs of an entry that ended unfilled, and the other leg of one that ended."""
    waiting = [account.orders[leg_id] for leg_id in order.leg_ids]
    for other in (*waiting, *_siblings(account, order)):
        if not other.has_ended:
            exchange.record(account, other.becoming(order.status, exchange.at), order.status.value)


def _siblings(account: Account, order: Order) -> list[Order]:
    if order.parent_id is None:
        return []
    family = account.orders[order.parent_id].leg_ids
    others = [account.orders[leg_id] for leg_id in family if leg_id != order.id]
    return [other for other in others if not other.has_ended]


def _leg(entry: Order, leg: str, **prices: Any) -> Order:  # noqa: ANN401 -- the fields of Terms
    terms = Terms(
        client_order_id=id_of(entry.id, leg, "client"),
        symbol=entry.terms.symbol,
        side=entry.terms.opposite,
        time_in_force=entry.terms.time_in_force,
        qty=entry.terms.qty,
        order_class="bracket",
        **prices,
    )
    return replace(
        entry,
        id=id_of(entry.id, leg),
        terms=terms,
        position_intent=f"{terms.side}_to_close",
        status=Status.HELD,
        parent_id=entry.id,
        leg=leg,
        leg_ids=(),
    )
