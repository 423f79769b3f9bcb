"""Folds kept in memory: how far each stands, and how it comes to stand where the tables do.

A projection that sums a log up needs everything before an event to make rows of it. What was folded
so far is never in its tables: it is right where it stands exactly at the checkpoint, and is brought
there from the log where it does not. Now and then it is kept somewhere, to be gone on with.
"""

import sys
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from projections.apply import Unreadable
from projections.checkpoints import Offsets, Partition
from projections.faults import FoldBehind, Unavailable
from projections.projection import Folding, Projection
from projections.record import Record
from projections.stage import Row

RECORDS_AT_ONCE_MAX: Final = 20_000
"""No more of the past is read before whoever waits for it may do something else."""

REMEMBERED: Final = 64
"""So many commits back a fold may go without the log: a crash of PostgreSQL loses some at most."""

KEPT_EVERY_MIN: Final = 5_000
KEPT_EVERY_SHARE: Final = 64
"""Kept every 5,000 offsets, and no more often than for a 64th of a log: it costs what it has."""

Part: TypeAlias = tuple[Sequence[Record], int]
"""Records in their order, and the offset behind them."""


class Past(Protocol):
    """The log, for whoever has to read a part of it once more."""

    def read(
        self, projection: str, partition: Partition, start: int, end: int
    ) -> Generator[Part, None, None]:
        """Yield what stands from `start` up to exactly `end`, without what `projection` skipped.

        Raises `Unavailable` when the log cannot be read now, anything else when it never will.
        """
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything before `next_offset` that was applied, folded; None before the first event."""

    next_offset: int = 0
    folded: Any = None


class Kept(Protocol):
    """Where what was folded is kept: disposable, of one projection."""

    def take_up(self, partition: Partition, end: int) -> Standing | None:
        """Return what was kept, if it stands at `end` or before and can be gone on with.

        Raises `Unavailable` where that cannot be told now.
        """
        ...

    def keep(self, partition: Partition, standing: Standing) -> None:
        """Keep what stands, which may fail without a word of it here."""
        ...


Ahead: TypeAlias = dict[Partition, Standing]
"""Where folds stand once a transaction is committed, and not before."""


class Folds:
    """One projection's folds, a partition each. A projection that sums nothing up has none."""

    def __init__(self, projection: Projection, past: Past | None, kept: Kept | None = None) -> None:
        """Start with nothing folded; without a `past` folds can only go on from the beginning."""
        self._name = projection.name
        self._folding = projection.folding
        self._events = projection.events
        self._past = past
        self._kept = kept
        self._kept_to: dict[Partition, int] = {}
        self._standing: dict[Partition, Standing] = {}
        self._before: dict[Partition, deque[Standing]] = {}
        self._faults: dict[Partition, Exception] = {}

    def begin(self, partition: Partition, end: int) -> None:
        """Take a partition up whose checkpoint is `end`; raises as `Kept.take_up` does."""
        if self._folding is not None and partition not in self._standing:
            self._take_up(partition, end)

    def behind(self, known: Offsets) -> list[Partition]:
        """Return the partitions whose folds stand elsewhere than the checkpoints in `known`."""
        if self._folding is None:
            return []
        return [place for place, offset in known.items() if self.next_offset(place) != offset]

    def next_offset(self, partition: Partition) -> int:
        """Return the offset behind everything that is folded of `partition`."""
        return self._standing.get(partition, Standing()).next_offset

    def catch_up(self, known: Offsets, *, records_max: int = sys.maxsize) -> None:
        """Fold what stands before `known`, except what was skipped: nothing of it may be parked.

        What cannot be folded is raised by `told`, where it stops the account that it is about.

        Raises:
            FoldBehind: `records_max` were read and there is more: call it again.
            Unavailable: The log cannot be read now; what was folded stays.
        """
        left = records_max
        for partition, offset in known.items():
            self._faults.pop(partition, None)
            try:
                left -= self._read_on(partition, offset, left)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 -- one account's past is no other's matter
                self._faults[partition] = error
                continue
            at = self.next_offset(partition)
            if at != offset:
                raise FoldBehind(_progress(self._name, partition, at, offset))

    def told(
        self, records: Iterable[Record], *, known: Offsets, to: Offsets
    ) -> tuple[list[Row], Ahead]:
        """Return the rows after `records`, and the folds that `keep` takes once they are committed.

        Folds move with their checkpoints, from `known` to `to`; one that does not stand at its
        checkpoint, because events of it are parked, stays.

        Raises:
            FoldBehind: A fold stands elsewhere: `catch_up` first.
            Exception: What an event or the past before it cannot be folded for.
        """
        rows: list[Row] = []
        ahead: Ahead = {}
        if self._folding is None:
            return rows, ahead
        mine: dict[Partition, list[Record]] = {}
        for record in records:
            mine.setdefault((record.origin.topic, record.origin.partition), []).append(record)
        for partition, offset in to.items():
            some = mine.get(partition, [])
            if some and partition in self._faults:
                raise self._faults[partition]
            if self.next_offset(partition) == known[partition]:
                ahead[partition] = self._after(partition, some, offset)
                if some and ahead[partition].folded is not None:
                    rows.extend(self._folding.rows(ahead[partition].folded))
            elif some:
                raise FoldBehind(
                    _progress(self._name, partition, self.next_offset(partition), known[partition])
                )
        return rows, ahead

    def keep(self, ahead: Ahead) -> None:
        """Take what `told` returned: its rows are committed. What stood before is remembered."""
        for partition in ahead.keys() & self._standing.keys():
            before = self._before.setdefault(partition, deque(maxlen=REMEMBERED))
            before.append(self._standing[partition])
        self._standing.update(ahead)
        for partition in ahead:
            self._write_down(partition)

    def leave(self, partition: Partition) -> None:
        """Forget a partition that is somebody else's from now on."""
        self._standing.pop(partition, None)
        self._before.pop(partition, None)
        self._kept_to.pop(partition, None)

    def _write_down(self, partition: Partition) -> None:
        """Have what stands kept, if it is time for that: all of it is committed."""
        standing = self._standing[partition]
        since = standing.next_offset - self._kept_to.get(partition, 0)
        due = max(KEPT_EVERY_MIN, standing.next_offset // KEPT_EVERY_SHARE)
        if self._kept is None or standing.folded is None or since < due:
            return
        self._kept_to[partition] = standing.next_offset  # tried once: what fails waits as long
        self._kept.keep(partition, standing)

    def _read_on(self, partition: Partition, end: int, records_max: int) -> int:
        """Fold towards `end` until more than `records_max` are read; return how many were."""
        if self.next_offset(partition) > end:
            self._go_back(partition, end)
        if partition not in self._standing and partition not in self._kept_to:
            self._take_up(partition, end)
        start = self.next_offset(partition)
        if start == end:
            return 0
        if self._past is None:
            raise RuntimeError(f"projection {self._name!r} was given no way to read the past")
        count = 0
        with closing(self._past.read(self._name, partition, start, end)) as parts:
            for records, at in parts:
                self._standing[partition] = self._after(partition, records, at)
                count += len(records)
                if count >= records_max:
                    break
        if partition in self._standing:
            self._write_down(partition)
        return count

    def _take_up(self, partition: Partition, end: int) -> None:
        standing = None if self._kept is None else self._kept.take_up(partition, end)
        self._kept_to[partition] = 0 if standing is None else standing.next_offset
        if standing is not None:
            self._standing[partition] = standing

    def _go_back(self, partition: Partition, end: int) -> None:
        """Stand at `end` or before: nothing can be unfolded, but what stood before is at hand."""
        before = self._before.get(partition, deque[Standing]())
        del self._standing[partition]
        while before and partition not in self._standing:
            standing = before.pop()
            if standing.next_offset <= end:
                self._standing[partition] = standing
        self._kept_to.pop(partition, None)  # the crash may have taken that, too: look again

    def _after(self, partition: Partition, records: Iterable[Record], offset: int) -> Standing:
        folding: Folding[Any] | None = self._folding
        folded = self._standing.get(partition, Standing()).folded
        for record in records:
            if record.passed_over is not None and record.passed_over not in self._events:
                continue
            if record.event is None or folding is None:
                raise Unreadable(record.unreadable or "the record cannot be read")
            if type(record.event) in self._events:
                folded = folding.step(folded, record.event, record.origin)
        return Standing(offset, folded)


def _progress(projection: str, partition: Partition, at: int, end: int) -> str:
    return f"projection {projection!r} has folded {partition[0]} up to {at} of {end}"
