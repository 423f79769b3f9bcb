"""A batch made ready: what each record becomes in one projection, in the bytes that COPY takes.

Nothing here needs PostgreSQL, nor anything that was applied before: it is done for the next batch
while PostgreSQL works on this one.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from projections.apply import Texts, render, rows_of
from projections.checkpoints import Offsets, Partition
from projections.projection import Projection
from projections.record import Record
from projections.stage import Row


@dataclass(frozen=True, slots=True)
class Item:
    """A record and its rows, or what making them raised."""

    record: Record
    rows: list[Row]
    error: Exception | None

    @property
    def partition(self) -> Partition:
        """Where the record stands."""
        return self.record.origin.topic, self.record.origin.partition


class Prepared:
    """Records in their order, with their rows. Any part of it is one again."""

    def __init__(self, projection: Projection, items: Sequence[Item]) -> None:
        """Hold what `prepare` made."""
        self.items = items
        self._projection = projection
        self._texts: Texts | Exception | None = None

    @property
    def after(self) -> dict[Partition, int]:
        """The offset behind the last record of each partition."""
        return {item.partition: item.record.origin.offset + 1 for item in self.items}

    @property
    def records(self) -> Iterable[Record]:
        """The records alone."""
        return (item.record for item in self.items)

    def render(self) -> None:
        """Render the rows now; what goes wrong is left to `texts` to say."""
        if self._texts is None:
            self._texts = self._rendered()

    @property
    def says_nothing(self) -> bool:
        """Whether no record becomes a row, and none made trouble."""
        return not any(item.rows or item.error for item in self.items)

    def texts(self) -> Texts:
        """Return the rows as COPY reads them, by where they go.

        Raises:
            Exception: What made the rows of a record impossible; the same at each call.
        """
        self.render()
        if isinstance(self._texts, Exception):
            raise self._texts
        return self._texts or {}

    def since(self, known: Offsets) -> "Prepared":
        """Return what stands at or behind the offsets in `known`, and in their partitions."""
        return self._those(
            lambda item: (
                item.record.origin.offset
                >= known.get(item.partition, item.record.origin.offset + 1)
            )
        )

    def split(self, topics: Collection[str]) -> tuple["Prepared", "Prepared"]:
        """Return what stands in none of `topics`, and what does."""
        if not topics:
            return self, Prepared(self._projection, [])
        return (
            self._those(lambda item: item.record.origin.topic not in topics),
            self._those(lambda item: item.record.origin.topic in topics),
        )

    def halves(self) -> tuple["Prepared", "Prepared"]:
        """Return the first half and the rest."""
        half = len(self.items) // 2
        return (
            Prepared(self._projection, self.items[:half]),
            Prepared(self._projection, self.items[half:]),
        )

    def _those(self, wanted: Callable[[Item], bool]) -> "Prepared":
        kept = [item for item in self.items if wanted(item)]
        return self if len(kept) == len(self.items) else Prepared(self._projection, kept)

    def _rendered(self) -> Texts | Exception:
        for item in self.items:
            if item.error is not None:
                return item.error
        try:
            return render(self._projection, (row for item in self.items for row in item.rows))
        except Exception as error:  # noqa: BLE001 -- a value that no column takes parks an event
            return error


def prepare(projection: Projection, records: Iterable[Record]) -> Prepared:
    """Return `records` with what they become. What goes wrong is told by `Prepared.texts`."""
    return Prepared(projection, [_item(projection, record) for record in records])


def _item(projection: Projection, record: Record) -> Item:
    try:
        return Item(record, rows_of(projection, record), None)
    except Exception as error:  # noqa: BLE001 -- a bug in a row function parks an event, no more
        return Item(record, [], error)
