"""A set of whole numbers that lie close together, at some bits for each."""

from collections.abc import Iterator
from typing import Final

_BITS: Final = 10
_MASK: Final = (1 << _BITS) - 1


class Ids:
    """Numbers by their neighbourhoods of 1,024: nothing of it is ever taken out."""

    __slots__ = ("_near",)

    def __init__(self) -> None:
        """Start with none."""
        self._near: dict[int, int] = {}

    def __contains__(self, number: int) -> bool:
        """Say whether `number` was added."""
        return bool(self._near.get(number >> _BITS, 0) >> (number & _MASK) & 1)

    def add(self, number: int) -> bool:
        """Add `number`; return whether it is new."""
        place, bit = number >> _BITS, 1 << (number & _MASK)
        before = self._near.get(place, 0)
        self._near[place] = before | bit
        return not before & bit

    def __iter__(self) -> Iterator[int]:
        """Go through the numbers, neighbours together."""
        for place, bits in self._near.items():
            for bit in range(bits.bit_length()):
                if bits >> bit & 1:
                    yield (place << _BITS) + bit

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(bits.bit_count() for bits in self._near.values())
