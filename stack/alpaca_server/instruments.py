"""What can be traded: stocks by their symbol, option contracts by their OCC symbol."""

import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from stack.alpaca_server.errors import NO_SUCH_THING, NOT_FOUND, Refusal
from stack.alpaca_server.values import id_of

CONTRACT_SHARES: Final = Decimal(100)
_OCC: Final = re.compile(r"([A-Z.]{1,6})(\d{2})(\d{2})(\d{2})([CP])(\d{8})")
_STRIKE_UNIT: Final = Decimal(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A stock."""

    symbol: str
    name: str
    exchange: str = "NASDAQ"
    status: str = "active"
    tradable: bool = True
    marginable: bool = True
    shortable: bool = True
    fractionable: bool = True
    extended_fractions: bool = True

    @property
    def id(self) -> str:
        """The asset's id."""
        return id_of("asset", self.symbol)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """An option contract; strike in US dollars per share."""

    symbol: str
    underlying: str
    expires_on: date
    kind: str
    strike: Decimal
    status: str = "active"
    tradable: bool = True
    open_interest: int = 1_000
    close_price: Decimal | None = None

    @property
    def id(self) -> str:
        """The contract's id."""
        return id_of("asset", self.symbol)

    def status_on(self, day: date) -> str:
        """Return its status; what has expired is active no more."""
        return "inactive" if self.expires_on < day else self.status

    @property
    def name(self) -> str:
        """What a person calls it."""
        day = self.expires_on.strftime("%b %d %Y")
        return f"{self.underlying} {day} {self.strike.normalize():f} {self.kind.title()}"


Instrument = Asset | Contract


def shares_per(instrument: Instrument) -> Decimal:
    """Return how many shares one unit of an instrument stands for."""
    return CONTRACT_SHARES if isinstance(instrument, Contract) else Decimal(1)


def contract_of(symbol: str) -> Contract | None:
    """Read an OCC symbol such as `AAPL261218C00250000`; None when it is none."""
    found = _OCC.fullmatch(symbol)
    if found is None:
        return None
    root, year, month, day, kind, strike = found.groups()
    try:
        expires_on = date(2000 + int(year), int(month), int(day))
    except ValueError:
        return None
    return Contract(
        symbol=symbol,
        underlying=root,
        expires_on=expires_on,
        kind="call" if kind == "C" else "put",
        strike=int(strike) / _STRIKE_UNIT,
    )


class Instruments:
    """Every stock and contract that the fake knows."""

    def __init__(self) -> None:
        self._known: dict[str, Instrument] = {}

    def change(self, symbol: str, changes: dict[str, Any]) -> Instrument:
        """Add an instrument, or change the one there is; a contract's stock comes with it."""
        instrument = self._known.get(symbol) or contract_of(symbol) or _stock(symbol)
        for name in ("strike", "close_price"):
            if changes.get(name) is not None:
                changes = {**changes, name: Decimal(str(changes[name]))}
        self._known[symbol] = instrument = replace(instrument, **changes)
        if isinstance(instrument, Contract):
            self._known.setdefault(instrument.underlying, _stock(instrument.underlying))
        return instrument

    def ensure(self, symbol: str) -> Instrument:
        """Return an instrument, and make an ordinary one of it if it was unknown."""
        return self._known.get(symbol) or self.change(symbol, {})

    def find(self, symbol_or_id: str) -> Instrument | None:
        """Return an instrument by its symbol or id, None when it is unknown."""
        by_symbol = self._known.get(symbol_or_id)
        if by_symbol is not None:
            return by_symbol
        return next((each for each in self._known.values() if each.id == symbol_or_id), None)

    def stock(self, symbol_or_id: str) -> Asset:
        """Return a stock. Raises Refusal (404) when there is none."""
        found = self.find(symbol_or_id)
        if not isinstance(found, Asset):
            raise Refusal(NOT_FOUND, NO_SUCH_THING, f"asset not found for {symbol_or_id}")
        return found

    def contract(self, symbol_or_id: str) -> Contract:
        """Return a contract. Raises Refusal (404) when there is none."""
        found = self.find(symbol_or_id)
        if not isinstance(found, Contract):
            raise Refusal(NOT_FOUND, NO_SUCH_THING, f"option contract not found for {symbol_or_id}")
        return found

    def contracts(self) -> list[Contract]:
        """Return all contracts by expiry and symbol."""
        found = [each for each in self._known.values() if isinstance(each, Contract)]
        return sorted(found, key=lambda each: (each.expires_on, each.symbol))


def _stock(symbol: str) -> Asset:
    return Asset(symbol=symbol, name=f"{symbol} Common Stock")
