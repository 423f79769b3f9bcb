"""Our order terms as the body of Alpaca's ``POST /v2/orders``: text for every number."""

from decimal import Decimal
from typing import Any, Final

from brokers.broker import OrderRequest
from events.order import OrderTerms, OrderType, Side
from events.recommendation import InstrumentType

_WHOLE_CENTS_FROM: Final = Decimal(1)
_CENTS: Final = Decimal("0.01")
_FINER: Final = Decimal("0.0001")


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
        "time_in_force": TimeInForce.DAY,
        "client_order_id": terms.client_order_id,
        "position_intent": _intent(terms),
    }
    if terms.order_type is OrderType.LIMIT and terms.limit_price is not None:
        model: Any = LimitOrderRequest(**told, limit_price=float(terms.limit_price))
    else:
        model = MarketOrderRequest(**told)
    body: dict[str, Any] = model.to_request_fields()
    body["qty"] = _text(terms.quantity)
    if "limit_price" in body and terms.limit_price is not None:
        body["limit_price"] = _text(terms.limit_price)
    return body


def _check(terms: OrderTerms) -> None:
    if terms.side is Side.UNKNOWN or terms.order_type is OrderType.UNKNOWN:
        raise ValueError("an order needs a side and a type")
    if terms.order_type is OrderType.LIMIT and terms.limit_price is None:
        raise ValueError("a limit order needs a limit price")
    option = terms.instrument_type is not InstrumentType.STOCK
    if option and terms.quantity != terms.quantity.to_integral_value():
        raise ValueError(f"{terms.quantity} contracts: they come whole")
    price = terms.limit_price
    if price is not None and price % (_CENTS if price >= _WHOLE_CENTS_FROM else _FINER):
        raise ValueError(f"a limit of {price} is finer than the exchange's price increments")


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
