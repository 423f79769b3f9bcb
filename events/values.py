"""The types that money, quantities and snapshots have on the wire, for ever.

Scales never change: another scale would pass the registry and misread every old record silently.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation
from typing import Annotated, Final

PRECISION: Final = 28
QUANTITY_SCALE: Final = 9
MONEY_SCALE: Final = 8

EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation])
"""Arithmetic that refuses to lose a digit: 28 digits times 28 digits fit."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many decimals of a `Decimal` go on the wire."""

    digits: int


Quantity = Annotated[Decimal, Scale(QUANTITY_SCALE)]
"""Shares, contracts, confidence, volatility, greeks: decimal(28,9)."""

Money = Annotated[Decimal, Scale(MONEY_SCALE)]
"""US dollars and prices in US dollars: decimal(28,8)."""

_QUANTITY_UNIT: Final = Decimal(1).scaleb(-QUANTITY_SCALE)
_MONEY_UNIT: Final = Decimal(1).scaleb(-MONEY_SCALE)
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def money(value: Decimal) -> Decimal:
    """Round `value` (US dollars) to the wire's 8 decimals, half to even."""
    return value.quantize(_MONEY_UNIT, None, _WIDE)  # a keyword doubles the time


def quantity(value: Decimal) -> Decimal:
    """Round `value` (shares, contracts or a ratio) to the wire's 9 decimals, half to even."""
    return value.quantize(_QUANTITY_UNIT, None, _WIDE)
