"""Read the body of an order request, and refuse what is no order at all."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from stack.alpaca_server.errors import Refusal, bad, broken, not_covered
from stack.alpaca_server.order import Terms
from stack.alpaca_server.values import decimal_in, decimals_of

ID_LENGTH: Final = 128
_SIDES: Final = ("buy", "sell")
_TYPES: Final = ("market", "limit", "stop", "stop_limit", "trailing_stop")
_TIMES_IN_FORCE: Final = ("day", "gtc", "opg", "cls", "ioc", "fok")
_CLASSES: Final = ("", "simple", "bracket", "oco", "oto", "mleg")
_INTENTS: Final = ("buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close")
_QUANTITY_DECIMALS: Final = 9


def read_terms(body: object, *, default_id: str) -> Terms:
    """Read an order request.

    Raises Refusal: 400 when it is no JSON object, 422/40010001 when a field is wrong.
    """
    if not isinstance(body, Mapping):
        raise Refusal(400, 40010000, "request body format is invalid")
    order_type = _one_of(body, "type", _TYPES)
    order_class = _one_of(body, "order_class", _CLASSES, default="")
    for name, unknown in (("trailing_stop", order_type), ("mleg", order_class)):
        if name == unknown:
            raise not_covered(f"{name} orders")
    if order_class in {"oco", "oto"}:
        raise not_covered(f"{order_class} orders")
    terms = Terms(
        client_order_id=_client_order_id(body, default_id),
        symbol=_text(body, "symbol").upper(),
        side=_one_of(body, "side", _SIDES),
        type=order_type,
        time_in_force=_one_of(body, "time_in_force", _TIMES_IN_FORCE),
        qty=_number(body, "qty"),
        notional=_number(body, "notional"),
        limit_price=_number(body, "limit_price"),
        stop_price=_number(body, "stop_price"),
        extended_hours=_flag(body, "extended_hours"),
        order_class=order_class,
        position_intent=_one_of(body, "position_intent", _INTENTS, default="") or None,
        take_profit=_number(_part(body, "take_profit"), "limit_price"),
        stop_loss=_number(_part(body, "stop_loss"), "stop_price"),
        stop_loss_limit=_number(_part(body, "stop_loss"), "limit_price"),
    )
    _check_amounts(terms)
    _check_prices(terms)
    return terms


def _check_amounts(terms: Terms) -> None:
    if terms.qty is None and terms.notional is None:
        raise bad("qty or notional is required")
    if terms.qty is not None and terms.notional is not None:
        raise bad("only one of qty or notional is accepted")
    for name, value in (("qty", terms.qty), ("notional", terms.notional)):
        if value is not None and value <= 0:
            raise bad(f"{name} must be > 0")
    if terms.qty is not None and decimals_of(terms.qty) > _QUANTITY_DECIMALS:
        raise bad("qty must have at most 9 decimals")


def _check_prices(terms: Terms) -> None:
    needs_limit, needs_stop = "limit" in terms.type, "stop" in terms.type
    if needs_limit and terms.limit_price is None:
        raise bad("limit orders require a limit price")
    if needs_stop and terms.stop_price is None:
        raise bad("stop orders require stop price")
    if (not needs_limit and terms.limit_price is not None) or (
        not needs_stop and terms.stop_price is not None
    ):
        raise bad(f"{terms.type} orders require no {_superfluous(terms)} price")
    for price in (terms.limit_price, terms.stop_price, terms.take_profit, terms.stop_loss):
        if price is not None and price <= 0:
            raise broken("price must be > 0")


def _superfluous(terms: Terms) -> str:
    return {"market": "stop or limit", "limit": "stop"}.get(terms.type, "limit")


def _client_order_id(body: Mapping[str, Any], default_id: str) -> str:
    given = body.get("client_order_id")
    if given is None or given == "":
        return default_id
    if not isinstance(given, str):
        raise bad("client_order_id must be a string")
    if len(given) > ID_LENGTH:
        raise bad(f"client_order_id must be no more than {ID_LENGTH} characters")
    return given


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise bad(f"{name} is required")
    return value


def _one_of(
    body: Mapping[str, Any], name: str, allowed: tuple[str, ...], *, default: str | None = None
) -> str:
    value = body.get(name)
    if value is None and default is not None:
        return default
    if value is None:
        raise bad(f"{name} is required")
    if value not in allowed:
        raise bad(f"invalid {name}")
    return str(value)


def _number(body: Mapping[str, Any], name: str) -> Decimal | None:
    value = body.get(name)
    return None if value is None else decimal_in(name, value)


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad(f"invalid {name}")
    return bool(value)


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise bad(f"invalid {name}")
    return value
