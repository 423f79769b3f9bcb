"""The refusals of Alpaca, with the bodies it answers them with.

Texts are those that were recorded or documented; where neither was found, the code is the
documented one and the wording is ours. Clients must not depend on more than status and code, and
code 40310000 alone stands for a dozen things, so that some will look at the text nevertheless.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
UNPROCESSABLE: Final = 422

BAD_PARAMETER: Final = 40010001
NOT_ALLOWED: Final = 40310000
NO_SUCH_THING: Final = 40410000
RULE_BROKEN: Final = 42210000


class Refusal(Exception):  # noqa: N818 -- it is an answer, not a fault of the program
    """An answer other than success: HTTP status, Alpaca's code, text, further fields."""

    def __init__(self, status: int, code: int | None, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body: Mapping[str, Any] = {
            **more,
            **({} if code is None else {"code": code}),
            "message": message,
        }


def broken(message: str) -> Refusal:
    """Return 422/42210000: the order breaks a rule of trading."""
    return Refusal(UNPROCESSABLE, RULE_BROKEN, message)


def bad(message: str) -> Refusal:
    """Return 422/40010001: a field of the request is missing or makes no sense."""
    return Refusal(UNPROCESSABLE, BAD_PARAMETER, message)


def forbidden(message: str, **more: object) -> Refusal:
    """Return 403/40310000: the account may not do this now."""
    return Refusal(FORBIDDEN, NOT_ALLOWED, message, **more)


def unauthorized() -> Refusal:
    """Return 401 for unknown keys; it has no code."""
    return Refusal(401, None, "unauthorized.")


def order_not_found(order_id: str) -> Refusal:
    """Return 404 for an order that is not there."""
    return Refusal(NOT_FOUND, NO_SUCH_THING, f"order not found for {order_id}")


def not_covered(what: str) -> Refusal:
    """Return 501: Alpaca can do this, the fake cannot. Never an answer of Alpaca's."""
    return Refusal(501, None, f"the fake Alpaca does not do this: {what}")


def insufficient_quantity(
    *, symbol: str, wanted: str, available: str, existing: str, held: str, related: tuple[str, ...]
) -> Refusal:
    """Return 403 for selling more than is free, with the figures that Alpaca adds."""
    more = {"related_orders": list(related)} if related else {}
    return forbidden(
        f"insufficient qty available for order (requested: {wanted}, available: {available})",
        available=available,
        existing_qty=existing,
        held_for_orders=held,
        symbol=symbol,
        **more,
    )


def insufficient_buying_power(cost: Decimal, available: Decimal) -> Refusal:
    """Return 403 for a stock order that the account cannot pay."""
    return forbidden(
        "insufficient buying power", buying_power=f"{available:f}", cost_basis=f"{cost:f}"
    )


def insufficient_options_buying_power(cost: Decimal, available: Decimal) -> Refusal:
    """Return 403 for an option order that the account cannot pay."""
    return forbidden(
        "insufficient options buying power "
        f"(required: {cost.normalize():f}, available: {available.normalize():f})"
    )


def wash_trade(order_id: str, against: str) -> Refusal:
    """Return 403 for an order that could trade with one of the account's own."""
    return forbidden(
        "potential wash trade detected. use complex orders",
        existing_order_id=order_id,
        reject_reason=f"opposite side {against} order exists",
    )
