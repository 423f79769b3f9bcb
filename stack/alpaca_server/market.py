"""The market whose prices a test sets."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from stack.alpaca_server.errors import NO_SUCH_THING, NOT_FOUND, Refusal

_PLENTY: Final = Decimal(1_000_000)
_GREEKS: Final = ("delta", "gamma", "theta", "vega", "rho")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What one instrument trades at; `number` tells one quote from the next.

    An order takes at most a quote's size from it: what is left waits for the next quote.
    """

    number: int
    at: int
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    last: Decimal
    volume: int
    previous_close: Decimal
    implied_volatility: Decimal | None
    greeks: tuple[tuple[str, Decimal], ...]

    def price_for(self, side: str) -> Decimal:
        """Return the far side: what a buyer pays or a seller gets."""
        return self.ask if side == "buy" else self.bid

    def size_for(self, side: str) -> Decimal:
        """Return how much there is on the far side."""
        return self.ask_size if side == "buy" else self.bid_size


class Market:
    """The latest quote of every symbol."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}
        self._count = 0

    def set(self, at: int, symbol: str, fields: dict[str, Any]) -> Quote:
        """Put a new quote in the place of the old one; a missing side is the other one's price."""
        number = {name: Decimal(str(value)) for name, value in fields.items() if value is not None}
        bid = number.get("bid", number.get("ask", Decimal(0)))
        ask = number.get("ask", bid)
        last = number.get("last", (bid + ask) / 2)
        self._count += 1
        quote = Quote(
            number=self._count,
            at=at,
            bid=bid,
            ask=ask,
            bid_size=number.get("bid_size", _PLENTY),
            ask_size=number.get("ask_size", _PLENTY),
            last=last,
            volume=int(number.get("volume", _PLENTY)),
            previous_close=number.get("previous_close", last),
            implied_volatility=number.get("implied_volatility"),
            greeks=tuple((name, number.get(name, Decimal(0))) for name in _GREEKS)
            if "delta" in number
            else (),
        )
        self._quotes[symbol] = quote
        return quote

    def quote(self, symbol: str) -> Quote | None:
        """Return a symbol's quote, None when nobody has ever set one."""
        return self._quotes.get(symbol)

    def require(self, symbol: str) -> Quote:
        """Return a symbol's quote. Raises Refusal (404) when there is none."""
        found = self._quotes.get(symbol)
        if found is None:
            raise Refusal(NOT_FOUND, NO_SUCH_THING, f"no quote found for {symbol}")
        return found

    def price(self, symbol: str, otherwise: Decimal) -> Decimal:
        """Return what a holding is valued at."""
        found = self._quotes.get(symbol)
        return otherwise if found is None else found.last
