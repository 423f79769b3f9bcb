"""Our order terms as the body of Alpaca's ``POST /v2/orders``: text for every number."""

from decimal import Decimal
from typing import Any, Final

from brokers.broker import OrderRequest
from events.order import OrderTerms, OrderType, Side
from events.recommendation import InstrumentType

_WHOLE_CENTS_FROM: Final = Decimal(1)
_CENTS: Final = Decimal("0.01")
_FINER: Final = Decimal("0.0001")


def make_ready() -> None:
    """Import what the first order needs: a second of its window would go by with that."""
    import alpaca.trading.requests  # noqa: F401, PLC0415 -- as in `order_body`


def order_body(request: OrderRequest) -> dict[str, Any]:
    """Return the body to POST, made by alpaca-py's own request model.

    The model keeps quantities and prices as floats; here they go out as they were decided.

    Raises:
        ValueError: The order is one that Alpaca does not know, by rules that it publishes.
    """
    # They take a second to import, and most commands trade nothing.
    from alpaca.trading.enums import OrderSide, TimeInForce  # noqa: PLC0415
    from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest  # noqa: PLC0415

    terms = request.terms
    _check(terms)
    told: dict[str, Any] = {
        "symbol": terms.symbol,
        "qty": float(terms.quantity),  # replaced below: only the model wants a float
        "side": OrderSide.BUY if terms.side is Side.BUY else OrderSide.SELL,
        "time_in_force": TimeInForce(terms.time_in_force.lower()),
        "client_order_id": terms.client_order_id,
        "position_intent": _intent(terms),
        "extended_hours": True if terms.extended_hours else None,
        **_bracket(terms),
    }
    if terms.order_type is OrderType.LIMIT and terms.limit_price is not None:
        model: Any = LimitOrderRequest(**told, limit_price=float(terms.limit_price))
    else:
        model = MarketOrderRequest(**told)
    body: dict[str, Any] = model.to_request_fields()
    body["qty"] = _text(terms.quantity)
    if "limit_price" in body and terms.limit_price is not None:
        body["limit_price"] = _text(terms.limit_price)
    if terms.take_profit is not None and terms.stop_loss is not None:
        body["take_profit"] = {"limit_price": _text(terms.take_profit)}
        body["stop_loss"] = {"stop_price": _text(terms.stop_loss)}
    return body


def _bracket(terms: OrderTerms) -> dict[str, Any]:
    if terms.take_profit is None or terms.stop_loss is None:
        return {}
    from alpaca.trading.enums import OrderClass  # noqa: PLC0415 -- as above
    from alpaca.trading.requests import StopLossRequest, TakeProfitRequest  # noqa: PLC0415

    return {
        "order_class": OrderClass.BRACKET,
        "take_profit": TakeProfitRequest(limit_price=float(terms.take_profit)),
        "stop_loss": StopLossRequest(stop_price=float(terms.stop_loss)),
    }


def _check(terms: OrderTerms) -> None:
    if terms.side is Side.UNKNOWN or terms.order_type is OrderType.UNKNOWN:
        raise ValueError("an order needs a side and a type")
    if terms.order_type is OrderType.LIMIT and terms.limit_price is None:
        raise ValueError("a limit order needs a limit price")
    option = terms.instrument_type is not InstrumentType.STOCK
    if option and terms.quantity != terms.quantity.to_integral_value():
        raise ValueError(f"{terms.quantity} contracts: they come whole")
    prices = {"limit": terms.limit_price, "target": terms.take_profit, "stop": terms.stop_loss}
    for what, price in prices.items():
        if price is not None and price % (_CENTS if price >= _WHOLE_CENTS_FROM else _FINER):
            raise ValueError(f"a {what} of {price} is finer than the exchange's price increments")
    if (terms.take_profit is None) is not (terms.stop_loss is None):
        raise ValueError("a bracket needs both a stop and a target")
    bracket = terms.stop_loss is not None
    if terms.extended_hours and (option or bracket or terms.order_type is not OrderType.LIMIT):
        raise ValueError("extended hours are for single limit orders on stocks, for the day")
    if bracket and (option or terms.quantity != terms.quantity.to_integral_value()):
        raise ValueError(f"a bracket of {terms.quantity} {terms.symbol}: whole shares only")


def _intent(terms: OrderTerms) -> Any:  # noqa: ANN401 -- alpaca-py's enum, imported late
    """Options say what they open or close, so that no BUY is taken for a covered call's end."""
    from alpaca.trading.enums import PositionIntent  # noqa: PLC0415 -- as above

    if terms.instrument_type is InstrumentType.STOCK:
        return None
    buys = terms.side is Side.BUY
    if terms.closes_position:
        return PositionIntent.BUY_TO_CLOSE if buys else PositionIntent.SELL_TO_CLOSE
    return PositionIntent.BUY_TO_OPEN if buys else PositionIntent.SELL_TO_OPEN


def _text(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
