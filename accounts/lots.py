"""What was bought when: the lots of a holding, first in first out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

from immutables import Map

from events.values import QUANTITY_SCALE, money

ZERO: Final = Decimal(0)
_SMALLEST: Final = Decimal(1).scaleb(-QUANTITY_SCALE)
_DOWN: Final = Context(prec=60, rounding=ROUND_FLOOR)


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares or contracts bought (or sold short) at once; `cost` in US dollars, of their sign."""

    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Lots:
    """A persistent queue of lots: the oldest has the number `first`, the next one gets `following`.

    Adding a lot costs O(log n). Taking costs that for each lot used up, and each is used up once:
    however many tiny lots there are, a trade costs O(log n) on average over a holding's life.
    """

    first: int = 0
    following: int = 0
    items: Map[int, Lot] = field(default_factory=Map)

    def __len__(self) -> int:
        return self.following - self.first

    def __iter__(self) -> Iterator[Lot]:
        """Yield the lots, oldest first."""
        return (self.items[number] for number in range(self.first, self.following))

    def plus(self, lot: Lot) -> "Lots":
        """Return the lots with a newest one."""
        return Lots(self.first, self.following + 1, self.items.set(self.following, lot))

    def less(self, quantity: Decimal) -> "tuple[Lots, Decimal]":
        """Return the lots without the oldest `quantity` (of their sign), and what that cost."""
        items, first, cost, left = self.items, self.first, ZERO, abs(quantity)
        while left > 0 and first < self.following:
            oldest = items[first]
            if abs(oldest.quantity) <= left:
                items, first = items.delete(first), first + 1
                left -= abs(oldest.quantity)
                cost += oldest.cost
                continue
            taken = left if oldest.quantity > 0 else -left
            part = money(oldest.cost * taken / oldest.quantity)
            items = items.set(first, Lot(oldest.quantity - taken, oldest.cost - part))
            cost += part
            break
        return Lots(first, self.following, items), cost

    def split(self, before: Decimal, after: Decimal) -> "Lots":
        """Return the lots after `before` shares became `after`: each its share, all cost kept.

        O(n), for a corporate action; a lot that rounds to nothing leaves its cost to the next.
        """
        lots, old, new, cost = Lots(), ZERO, ZERO, ZERO
        sign = 1 if after > 0 else -1
        for lot in self:
            old += abs(lot.quantity)
            cost += lot.cost
            share = _DOWN.divide(_DOWN.multiply(old, abs(after)), abs(before))
            upto = abs(after) if old == abs(before) else share.quantize(_SMALLEST, context=_DOWN)
            if upto > new:
                lots = lots.plus(Lot(sign * (upto - new), cost))
                new, cost = upto, ZERO
        return lots
