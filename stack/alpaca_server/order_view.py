"""Orders, trade updates and fill activities as Alpaca's JSON."""

from decimal import Decimal
from typing import Any

from accounts.calendar import NEW_YORK
from stack.alpaca_server.account import Account
from stack.alpaca_server.instruments import contract_of
from stack.alpaca_server.order import Fill, Order, Status
from stack.alpaca_server.values import id_of, micros, moment_of, stamp, stamp_micros, text


def order_view(order: Order, account: Account | None = None) -> dict[str, Any]:
    """Return an order's JSON; the legs of a bracket are in it when their account is given."""
    terms = order.terms
    is_option = contract_of(terms.symbol) is not None
    average = order.average_price
    family = () if account is None else order.leg_ids
    legs = [order_view(account.orders[leg_id]) for leg_id in family] if account else []
    return {
        "id": order.id,
        "client_order_id": terms.client_order_id,
        "created_at": stamp(order.created_at),
        "updated_at": stamp(order.updated_at),
        "submitted_at": stamp(order.submitted_at),
        "filled_at": _moment(order.filled_at),
        "expired_at": _moment(order.expired_at),
        "expires_at": stamp(order.expires_at),
        "canceled_at": _moment(order.canceled_at),
        "failed_at": _moment(order.failed_at),
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": id_of("asset", terms.symbol),
        "symbol": terms.symbol,
        "asset_class": "us_option" if is_option else "us_equity",
        "notional": _number(terms.notional),
        "qty": _number(terms.qty),
        "filled_qty": text(order.filled_qty),
        "filled_avg_price": None if average is None else text(micros(average)),
        "order_class": terms.order_class or ("simple" if is_option else ""),
        "order_type": terms.type,
        "type": terms.type,
        "side": terms.side,
        "position_intent": order.position_intent,
        "time_in_force": terms.time_in_force,
        "limit_price": _number(terms.limit_price),
        "stop_price": _number(terms.stop_price),
        "status": order.status.value,
        "extended_hours": terms.extended_hours,
        "legs": legs or None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
    }


def update_view(order: Order, account: Account, event: str, fill: Fill | None) -> dict[str, Any]:
    """Return the data of a `trade_updates` message; prices and quantities only with a fill."""
    at = order.updated_at
    data: dict[str, Any] = {
        "event": event,
        "execution_id": id_of(order.id, event, at) if fill is None else fill.execution_id,
        "order": order_view(order, account),
        "at": stamp_micros(at),
        "timestamp": stamp(at),
    }
    if fill is not None:
        data |= {
            "price": text(fill.price),
            "qty": text(fill.qty),
            "position_qty": text(account.held(order.terms.symbol)),
        }
    return data


def fill_activity(order: Order, fill: Fill) -> dict[str, Any]:
    """Return a FILL activity. Like Alpaca's it knows no client order id."""
    complete = order.status is Status.FILLED
    left = Decimal(0) if complete or order.terms.qty is None else order.remaining(fill.price)
    return {
        "activity_type": "FILL",
        "id": activity_id(fill.at, fill.execution_id),
        "cum_qty": text(fill.cumulative),
        "leaves_qty": text(left),
        "order_id": order.id,
        "order_status": order.status.value,
        "price": text(fill.price),
        "qty": text(fill.qty),
        "side": order.terms.side,
        "symbol": order.terms.symbol,
        "transaction_time": stamp_micros(fill.at),
        "type": "fill" if complete else "partial_fill",
    }


def activity_id(at: int, name: str) -> str:
    """Return an activity's id: New York's time in milliseconds, and a name."""
    local = moment_of(at).astimezone(NEW_YORK)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}::{name}"


def _moment(at: int | None) -> str | None:
    return None if at is None else stamp(at)


def _number(value: Decimal | None) -> str | None:
    return None if value is None else text(value)
