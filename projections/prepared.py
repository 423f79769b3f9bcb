"""A batch made ready: what each record becomes in one projection, in the bytes that COPY takes.

Nothing here needs PostgreSQL, nor anything that was applied before: it is done for the next batch
while PostgreSQL works on this one. Most records say nothing to most projections: they cost a look
at their type.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from projections.apply import rows_of
from projections.checkpoints import Offsets, Partition
from projections.projection import Projection
from projections.ready import Ready, finish, stage
from projections.record import Record
from projections.stage import Row

Made: TypeAlias = Mapping[int, list[Row] | Exception]
"""Rows of the records that have any, or what making them raised, by the record's identity."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records in their order, and where those of each partition begin and end.

    It is made once for all the projections that read the same topics.
    """

    records: Sequence[Record]
    first: Offsets
    after: Offsets

    @classmethod
    def of(cls, records: "Iterable[Record] | Stretch") -> "Stretch":
        """Return `records` as a stretch."""
        if isinstance(records, Stretch):
            return records
        some = list(records)
        first: dict[Partition, int] = {}
        after: dict[Partition, int] = {}
        for record in some:
            origin = record.origin
            place = (origin.topic, origin.partition)
            first.setdefault(place, origin.offset)
            after[place] = origin.offset + 1
        return cls(some, first, after)

    def within(self, places: Collection[Partition]) -> "Stretch":
        """Return what stands in `places`."""
        if all(place in places for place in self.after):
            return self
        return self.where(lambda record: (record.origin.topic, record.origin.partition) in places)

    def reread(self, read: Callable[[Record], Record]) -> "Stretch":
        """Return the same places, each record as `read` has it; itself where none is another."""
        records = [read(record) for record in self.records]
        if all(one is other for one, other in zip(records, self.records, strict=True)):
            return self
        return Stretch(records, self.first, self.after)

    def where(self, wanted: Callable[[Record], bool]) -> "Stretch":
        """Return the records that are `wanted`."""
        return Stretch.of(record for record in self.records if wanted(record))


class Prepared:
    """A stretch with the rows of its records. Any part of it is one again.

    Rows that nothing else can be said about are finished, and need no merge, unless it is to be
    written `by_merges` alone.
    """

    def __init__(
        self, projection: Projection, stretch: Stretch, made: Made, *, by_merges: bool = False
    ) -> None:
        """Hold what `prepare` made."""
        self.records = stretch.records
        self.after = stretch.after
        self.by_merges = by_merges or projection.live_finisher is None
        self._stretch = stretch
        self._projection = projection
        self._made = made
        self._ready: Ready | Exception | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether no record becomes a row, and none made trouble."""
        return not self._made or not any(id(record) in self._made for record in self.records)

    def render(self) -> None:
        """Render the rows now; what goes wrong is left to `ready` to say."""
        if self._ready is None:
            self._ready = self._rendered()

    def ready(self) -> Ready:
        """Return the rows as COPY reads them, by where they go.

        Raises:
            Exception: What made the rows of a record impossible; the same at each call.
        """
        if self._ready is None:
            self._ready = self._rendered()
        if isinstance(self._ready, Exception):
            raise self._ready
        return self._ready

    @property
    def promised(self) -> Ready:
        """What is `ready`; nothing where that cannot be."""
        self.render()
        return self._ready if isinstance(self._ready, Ready) else Ready({})

    def merging(self) -> "Prepared":
        """Return the same, to be written by merges alone."""
        return self._part(self._stretch, by_merges=True)

    def since(self, known: Offsets) -> "Prepared":
        """Return what stands at or behind the offsets in `known`, and in their partitions."""
        if all(
            known.get(place, first + 1) <= first for place, first in self._stretch.first.items()
        ):
            return self
        return self._part(
            self._stretch.where(
                lambda record: (
                    record.origin.offset
                    >= known.get(
                        (record.origin.topic, record.origin.partition), record.origin.offset + 1
                    )
                )
            )
        )

    def split(self, topics: Collection[str]) -> tuple["Prepared", "Prepared"]:
        """Return what stands in none of `topics`, and what does."""
        waiting = [place for place in self.after if place[0] in topics]
        if not waiting:
            return self, self._part(Stretch.of(()))
        return (
            self._part(self._stretch.where(lambda record: record.origin.topic not in topics)),
            self._part(self._stretch.within(waiting)),
        )

    def halves(self) -> tuple["Prepared", "Prepared"]:
        """Return the first half and the rest."""
        half = len(self.records) // 2
        return (
            self._part(Stretch.of(self.records[:half])),
            self._part(Stretch.of(self.records[half:])),
        )

    def _part(self, stretch: Stretch, *, by_merges: bool = False) -> "Prepared":
        return Prepared(
            self._projection, stretch, self._made, by_merges=by_merges or self.by_merges
        )

    def _rendered(self) -> Ready | Exception:
        by_topic: dict[str, list[Row]] = {}
        for record in self.records:
            made = self._made.get(id(record))
            if isinstance(made, Exception):
                return made
            if made is not None:
                by_topic.setdefault(record.origin.topic, []).extend(made)
        try:
            if self.by_merges:
                return stage(self._projection, (row for rows in by_topic.values() for row in rows))
            return finish(self._projection, by_topic)
        except Exception as error:  # noqa: BLE001 -- a value that no column takes parks an event
            return error


def prepare(projection: Projection, records: Iterable[Record] | Stretch) -> Prepared:
    """Return `records` with what they become. What goes wrong is told by `Prepared.ready`."""
    stretch = Stretch.of(records)
    events = projection.events
    made: dict[int, list[Row] | Exception] = {}
    for record in stretch.records:
        event = record.event
        if event is not None and type(event) not in events:
            continue
        try:
            rows = rows_of(projection, record)
        except Exception as error:  # noqa: BLE001 -- a bug in a row function parks an event, no more
            made[id(record)] = error
        else:
            if rows:
                made[id(record)] = rows
    return Prepared(projection, stretch, made)
