"""A log to read once more, kept in memory."""

from collections.abc import Generator, Iterable

from projections.checkpoints import Partition
from projections.folding import Part
from projections.record import Record


class Remembered:
    """Records of one log in parts of two; it counts what was read, and can leave offsets out."""

    def __init__(self, records: Iterable[Record], skipped: Iterable[int] = ()) -> None:
        self.records = list(records)
        self.skipped = set(skipped)
        self.read_offsets: list[int] = []

    def read(
        self, _projection: str, _partition: Partition, start: int, end: int
    ) -> Generator[Part, None, None]:
        for first in range(0, len(self.records), 2):
            some = [
                one for one in self.records[first : first + 2] if start <= one.origin.offset < end
            ]
            if some:
                kept = [one for one in some if one.origin.offset not in self.skipped]
                self.read_offsets += [one.origin.offset for one in kept]
                yield kept, some[-1].origin.offset + 1
