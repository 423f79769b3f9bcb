"""One projection's way through the records: it can fall behind without holding up the others."""

import time
from collections.abc import Iterable
from contextlib import suppress

from consumers.logs import get_log
from projections.checkpoints import Offsets, Partition
from projections.engine import Applied, Engine
from projections.faults import DatabaseUnavailable, FoldBehind, PassedBy, Unavailable
from projections.prepared import Prepared, Stretch
from projections.record import Record


class Lane:
    """An engine, and when to try again after it was interrupted.

    A lane that is behind applies nothing new until it was taken up again and the consumer was sent
    back to its checkpoints: nothing is skipped. It is taken up once what it was interrupted at is
    written: for one that still cannot write, the others would have to read all of it again.
    """

    def __init__(self, engine: Engine, *, backoff_ms: int, backoff_max_ms: int) -> None:
        """Start up to date, with no partitions."""
        self.engine = engine
        self.behind = False
        self._first_ms = backoff_ms
        self._max_ms = backoff_max_ms
        self._wait_ms = backoff_ms
        self._retry_at = 0.0
        self._mine: dict[Partition, int] = {}
        self._left: tuple[Prepared, Offsets, Offsets] | None = None

    @property
    def name(self) -> str:
        """The projection's name."""
        return self.engine.projection.name

    def reads(self, partition: Partition) -> bool:
        """Say whether the projection reads the topic of `partition`."""
        return self.engine.projection.reads(partition[0])

    def gain(self, partition: Partition, first: int) -> None:
        """Take a partition over; its first offset kept is `first`."""
        self._mine[partition] = first
        try:
            self.engine.begin(partition, first)
        except Unavailable as error:
            self.fall_behind(error)

    def lose(self, partition: Partition) -> None:
        """Give a partition up."""
        self._mine.pop(partition, None)
        self._left = None  # of what is somebody else's now
        self.engine.leave([partition])

    def prepare(self, records: Iterable[Record] | Stretch) -> Prepared:
        """Return what `write` takes, made without a look at where the lane stands."""
        return self.engine.prepare(records)

    def write(self, batch: Prepared, positions: Offsets, since: Offsets) -> Applied:
        """Write a batch and move on; fall behind where that needs something that cannot answer.

        It is all there is from `since` up to `positions`. Where the checkpoint is before
        `since` others have been passed by: the lane falls behind and asks for them again.

        Raises:
            CheckpointLost: Another projector works on this projection.
        """
        if self.behind:
            return Applied()
        try:
            return self._write(batch, positions, since)
        except Unavailable as error:
            self._left = batch, positions, since
            self.fall_behind(error)
            return Applied()

    def fall_behind(self, error: Exception) -> None:
        """Wait, longer each time, before trying again; say so until that is no news."""
        if isinstance(error, FoldBehind):
            self._wait_ms = self._first_ms  # it comes nearer each time
        long_known = self.behind and self._wait_ms == self._max_ms
        self.behind = True
        self._retry_at = time.monotonic() + self._wait_ms / 1000
        event = (
            "projection_database_unavailable"
            if isinstance(error, DatabaseUnavailable)
            else "projection_interrupted"
        )
        if isinstance(error, FoldBehind):
            get_log().info("projection_folds_the_past", projection=self.name, so_far=str(error))
        elif not long_known:
            get_log().warning(
                event, projection=self.name, error=str(error), next_try_in_ms=self._wait_ms
            )
        self._wait_ms = min(2 * self._wait_ms, self._max_ms)

    def stands_at(self, partition: Partition) -> int:
        """Return a partition's checkpoint, -1 where there is none; another's may be read here."""
        if partition in self._mine or self.behind:
            return self.engine.checkpoints.get(partition, -1)
        try:
            return self.engine.peek(partition)
        except Unavailable as error:
            self.fall_behind(error)
            return -1

    def is_due(self) -> bool:
        """Say whether it is time to try again."""
        return self.behind and time.monotonic() >= self._retry_at

    def take_up(self) -> Applied | None:
        """Write what it was interrupted at; None when it still has to wait.

        Else the reader is to go on at the engine's checkpoints.

        Raises:
            CheckpointLost: Another projector works on this projection.
        """
        applied = Applied()
        try:
            self.engine.resume()
            for partition, first in self._mine.items():
                if partition not in self.engine.checkpoints:
                    self.engine.begin(partition, first)
            if self._left is not None:
                with suppress(PassedBy):  # something before it is to be read again first
                    applied = self._write(*self._left)
        except Unavailable as error:
            self.fall_behind(error)
            return None
        self.behind = False
        self._left = None
        get_log().info("projection_resumed", projection=self.name)
        return applied

    def _write(self, batch: Prepared, positions: Offsets, since: Offsets) -> Applied:
        known = self.engine.checkpoints
        for (topic, number), offset in positions.items():
            at = known.get((topic, number), offset)
            if at < since.get((topic, number), at):
                raise PassedBy(
                    f"projection {self.name!r} has {topic}[{number}] up to {at}, and the "
                    f"reader is at {since[topic, number]}: it goes back"
                )
        applied = self.engine.write(batch, positions)
        self._wait_ms = self._first_ms
        if applied.failed:
            get_log().error("projection_parked", projection=self.name, failed=applied.failed)
        return applied
