"""What an account holds under one symbol."""

from dataclasses import dataclass, field
from decimal import Decimal

from accounts.lots import Lots
from events.recommendation import InstrumentType


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A holding. `quantity` is signed, `cost` is US dollars of the same sign (fees apart).

    `lots` make up both where the account reckons first in first out; there are none by average.
    """

    ticker: str
    symbol: str
    instrument_type: InstrumentType
    multiplier: int
    quantity: Decimal
    cost: Decimal
    lots: Lots = field(default_factory=Lots)

    @property
    def average_price(self) -> Decimal:
        """US dollars per share that the holding cost on average."""
        return self.cost / (self.quantity * self.multiplier)

    def worth(self, price: Decimal | None) -> Decimal:
        """Return its US dollars at `price` per share; at cost where no price was seen."""
        return self.cost if price is None else self.quantity * price * self.multiplier
