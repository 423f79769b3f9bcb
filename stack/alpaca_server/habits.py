"""How the fake behaves where Alpaca may do one thing or another."""

from dataclasses import dataclass, fields
from typing import Any

from stack.alpaca_server.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How long things take (milliseconds on the fake's clock) and what goes first.

    A delay of None means: not before a test says so (`accept_order`, `fill_order`,
    `finish_cancel`). `funds_before_id` looks at money and shares before it looks whether the client
    order id is taken, so that the twin of an accepted order can be refused for want of money.
    `fill_while_cancelling` answers a cancel with 204 and fills the order instead.
    """

    accept_after_ms: int | None = 0
    fill_after_ms: int | None = 0
    cancel_after_ms: int | None = 0
    fill_while_cancelling: bool = False
    funds_before_id: bool = False


def read_habits(given: dict[str, Any]) -> Habits:
    """Read habits. Raises Refusal (400) for an unknown name or a wrong value."""
    known = {each.name for each in fields(Habits)}
    for name, value in given.items():
        fits = (
            isinstance(value, bool)
            if name in {"fill_while_cancelling", "funds_before_id"}
            else value is None or (isinstance(value, int) and not isinstance(value, bool))
        )
        if name not in known or not fits:
            raise Refusal(400, None, f"no such habit: {name}={value!r}")
    return Habits(**given)
