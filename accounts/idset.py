"""A set of numbers that only grows, shared between the states that a fold leaves behind."""

from dataclasses import dataclass, field
from typing import Final

from immutables import Map

CHUNK_BITS: Final = 10
_CHUNK_MASK: Final = (1 << CHUNK_BITS) - 1


@dataclass(frozen=True, slots=True)
class IdSet:
    """A persistent set of integers without eviction: 1,024 neighbours share one bitmask.

    `chunks` maps ``number >> 10`` to the mask of those 1,024; `add` copies one chunk, not the set.
    """

    chunks: Map[int, int] = field(default_factory=Map)
    size: int = 0

    def __contains__(self, number: int) -> bool:
        return bool(self.chunks.get(number >> CHUNK_BITS, 0) >> (number & _CHUNK_MASK) & 1)

    def __len__(self) -> int:
        return self.size

    def add(self, number: int) -> "IdSet":
        """Return the set with `number` in it; the set itself where it is in already."""
        chunk = number >> CHUNK_BITS
        mask = self.chunks.get(chunk, 0)
        added = mask | 1 << (number & _CHUNK_MASK)
        if added == mask:
            return self
        return IdSet(self.chunks.set(chunk, added), self.size + 1)
