"""What a trade or a split makes of a holding, by hand: a list of what was bought when."""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import floor
from typing import Final

from events.recommendation import InstrumentType

_CENT: Final = Decimal("0.00000001")
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_SHARES: Final = 10**9

Purchase = tuple[Decimal, Decimal]
"""A quantity, and what it cost."""


@dataclass(slots=True)
class Holding:
    """What is held of a symbol, and the offset that changed it last."""

    ticker: str
    instrument_type: InstrumentType
    multiplier: int
    log_offset: int
    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    purchases: list[Purchase] = field(default_factory=list)

    def trade(self, quantity: Decimal, amount: Decimal, *, fifo: bool) -> None:
        """Let `quantity` come in (or go out, below 0) for `amount`."""
        had, left = self.quantity, self.quantity + quantity
        if fifo and had != 0 and not self.purchases:
            self.purchases = [(had, self.cost)]  # all of it was bought at once, for all we know
        if had * quantity >= 0:
            self.cost += amount
            self.purchases.append((quantity, amount))
        elif had * left > 0:
            self.cost -= self._first_out(-quantity) if fifo else self._share(-quantity)
        else:
            self.cost = cents(amount * left / quantity)
            self.purchases = [(left, self.cost)]
        self.quantity = left
        if not fifo:
            self.purchases = []

    def split(self, quantity: Decimal) -> None:
        """Let the same money be in `quantity`, spread over what was bought when."""
        shares, old, new, cost = list[Purchase](), Decimal(0), Decimal(0), Decimal(0)
        sign = 1 if quantity > 0 else -1
        for bought, paid in self.purchases:
            old, cost = old + abs(bought), cost + paid
            part = Fraction(old) * Fraction(abs(quantity)) / Fraction(abs(self.quantity))
            upto = Decimal(floor(part * _SHARES)) / _SHARES
            if upto > new:
                shares.append((sign * (upto - new), cost))
                new, cost = upto, Decimal(0)
        self.quantity, self.purchases = quantity, shares

    def _share(self, quantity: Decimal) -> Decimal:
        return cents(self.cost * quantity / self.quantity)

    def _first_out(self, quantity: Decimal) -> Decimal:
        out, left = Decimal(0), abs(quantity)
        while left > 0:
            bought, paid = self.purchases.pop(0)
            if abs(bought) > left:
                taken = left if bought > 0 else -left
                part = cents(paid * taken / bought)
                self.purchases.insert(0, (bought - taken, paid - part))
                return out + part
            out, left = out + paid, left - abs(bought)
        return out


def cents(value: Decimal) -> Decimal:
    """Return money as columns hold it."""
    return value.quantize(_CENT, context=_WIDE)
