"""The engine of one projection: a batch is one SQL transaction of rows and checkpoints.

A row that cannot be applied is found by halving the batch. Its failure is acknowledged by Kafka
before the event is parked, so that recording it never needs the transaction that failed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from projections import checkpoints
from projections.apply import merge_rows, rows_of
from projections.checkpoints import Offsets, Partition
from projections.faults import (
    CheckpointLost,
    CheckpointRewound,
    FailureNotRecorded,
    Unavailable,
    is_about_the_row,
    unavailable,
)
from projections.folding import RECORDS_AT_ONCE_MAX, Folds, Past, Standing
from projections.parking import (
    FailureRecorder,
    park,
    parked_row,
    parked_topics,
    projection_failed,
)
from projections.projection import Projection
from projections.record import Record
from projections.session import Connection, Session
from projections.stage import Row


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a batch: records applied, failures parked, records parked behind them."""

    applied: int = 0
    failed: int = 0
    waiting: int = 0

    def __add__(self, other: "Applied") -> "Applied":
        return Applied(
            self.applied + other.applied,
            self.failed + other.failed,
            self.waiting + other.waiting,
        )


@dataclass(frozen=True, slots=True)
class _Item:
    record: Record
    rows: list[Row]
    error: Exception | None


class Engine:
    """Apply batches to one projection, from the checkpoints that PostgreSQL keeps."""

    def __init__(
        self,
        projection: Projection,
        session: Session,
        *,
        record_failure: FailureRecorder,
        now: Callable[[], datetime],
        build: str,
        past: Past | None = None,
    ) -> None:
        """Bind the projection to where its rows and its failures go; nothing is opened yet.

        A projection that sums logs up reads its `past` where it did not see all of it.
        """
        self.projection = projection
        self._session = session
        self._record_failure = record_failure
        self._now = now
        self._build = build
        self._known: dict[Partition, int] = {}
        self._doubtful: dict[Partition, int] = {}
        self._interrupted = False
        self._folds = Folds(projection, past)

    @property
    def checkpoints(self) -> Offsets:
        """The next offset of each partition that this engine has begun."""
        return dict(self._known)

    def begin(self, partition: Partition, first: int) -> int:
        """Take up `partition` and return its next offset: `first` where there is no checkpoint.

        Raises:
            DatabaseUnavailable: PostgreSQL did not answer.
        """
        try:
            connection = self._session.connection()
            offset = checkpoints.begin(connection, self.projection.name, partition, first)
        except psycopg.Error as error:
            raise unavailable(error) from error
        self._known[partition] = offset
        return offset

    def peek(self, partition: Partition) -> int:
        """Return the checkpoint of a partition that may be somebody else's; -1 if there is none.

        Raises:
            DatabaseUnavailable: PostgreSQL did not answer.
        """
        try:
            connection = self._session.connection()
            found = checkpoints.read(connection, self.projection.name, [partition])
        except psycopg.Error as error:
            raise unavailable(error) from error
        return found.get(partition, -1)

    def resume(self) -> None:
        """After an interruption, learn from PostgreSQL which of our commits it has.

        Raises:
            DatabaseUnavailable: It still cannot answer.
            CheckpointLost: A checkpoint stands where this engine never moved it.
        """
        try:
            connection = self._session.connection()
            found = checkpoints.read(connection, self.projection.name, self._known)
        except psycopg.Error as error:
            raise unavailable(error) from error
        for partition, known in self._known.items():
            offset = found.get(partition)
            if offset is None or (offset > known and offset != self._doubtful.get(partition)):
                raise checkpoints.lost(self.projection.name, partition)
        self._known = found
        self._doubtful = {}
        self._interrupted = False

    def stand(self, partition: Partition, folded: object) -> None:
        """Take what somebody else has folded of `partition`, up to exactly its checkpoint."""
        self._folds.keep({partition: Standing(self._known[partition], folded)})

    def leave(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that are somebody else's from now on."""
        for partition in partitions:
            self._known.pop(partition, None)

    def apply(self, records: Sequence[Record], positions: Offsets) -> Applied:
        """Apply records, in their order, and move the checkpoints to `positions`.

        Records before the checkpoint were applied already and are passed over. `positions` may lie
        behind the last record: the holes that transactions leave in a topic hold nothing.

        Raises:
            DatabaseUnavailable: PostgreSQL cannot answer. Nothing, or a first part, was applied;
                the same call again, after a wait, goes on with the rest.
            FailureNotRecorded: Kafka did not acknowledge a failure; as above.
            CheckpointRewound: PostgreSQL lost its last commits in a crash: read again from
                `checkpoints`, then apply.
            FoldBehind: A part of the past was folded; the same call again goes on with it.
            CheckpointLost: Another projector works on this projection.
        """
        if self._interrupted:
            before = self.checkpoints
            self.resume()
            if any(self._known[partition] < offset for partition, offset in before.items()):
                raise CheckpointRewound(
                    f"PostgreSQL lost the end of projection {self.projection.name!r} in a crash; "
                    "the log still has it"
                )
        fresh = [record for record in records if self._is_fresh(record)]
        goal = {
            partition: offset
            for partition, offset in positions.items()
            if offset > self._known.get(partition, offset)
        }
        if not fresh and not goal:
            return Applied()
        self._catch_up(fresh)
        return self._apply([self._read(record) for record in fresh], goal)

    def _is_fresh(self, record: Record) -> bool:
        origin = record.origin
        known = self._known.get((origin.topic, origin.partition))
        return known is not None and origin.offset >= known

    def _catch_up(self, fresh: Sequence[Record]) -> None:
        """Bring folds to the checkpoints; those of waiting topics stay where they wait."""
        places = {(record.origin.topic, record.origin.partition) for record in fresh}
        behind = self._folds.behind({place: self._known[place] for place in places})
        if not behind:
            return
        try:
            stuck = parked_topics(self._session.connection(), self.projection.name)
        except psycopg.Error as error:
            raise unavailable(error) from error
        wanted = {place: self._known[place] for place in behind if place[0] not in stuck}
        self._folds.catch_up(wanted, records_max=RECORDS_AT_ONCE_MAX)

    def _read(self, record: Record) -> _Item:
        try:
            return _Item(record, rows_of(self.projection, record), None)
        except Exception as error:  # noqa: BLE001 -- a bug in a row function parks an event, no more
            return _Item(record, [], error)

    def _apply(self, items: list[_Item], goal: Offsets) -> Applied:
        try:
            return self._transact(items, goal)
        except (Unavailable, CheckpointLost):
            raise
        except Exception as error:
            if not items or not is_about_the_row(error):
                raise
            if len(items) == 1:
                return self._park(items[0], goal, error)
        half = len(items) // 2
        return self._apply(items[:half], _after(items[:half])) + self._apply(items[half:], goal)

    def _transact(self, items: list[_Item], goal: Offsets) -> Applied:
        """Apply `items` in one transaction, those of waiting topics behind what they wait for."""
        clear, waiting = items, list[_Item]()
        to = {**_after(items), **goal}
        with self._transaction(to) as connection:
            stuck = parked_topics(connection, self.projection.name)
            if stuck:
                clear = [item for item in items if item.record.origin.topic not in stuck]
                waiting = [item for item in items if item.record.origin.topic in stuck]
            for item in clear:
                if item.error is not None:
                    raise item.error
            rows, ahead = self._folds.told(
                (item.record for item in clear), known=self._known, to=to
            )
            rows.extend(row for item in clear for row in item.rows)
            merge_rows(connection, self.projection, rows)
            if waiting:
                park(
                    connection,
                    [parked_row(self.projection.name, item.record, None) for item in waiting],
                )
        self._folds.keep(ahead)
        return Applied(applied=len(clear), waiting=len(waiting))

    def _park(self, item: _Item, goal: Offsets, error: Exception) -> Applied:
        failure = projection_failed(
            self.projection.name, item.record, error, occurred_at=self._now(), build=self._build
        )
        try:
            self._record_failure(failure)
        except Exception as unheard:
            self._interrupted = True
            raise FailureNotRecorded(
                f"a failure of projection {self.projection.name!r} could not be recorded: {unheard}"
            ) from unheard
        with self._transaction({**_after([item]), **goal}) as connection:
            park(connection, [parked_row(self.projection.name, item.record, failure)])
        return Applied(failed=1)

    @contextmanager
    def _transaction(self, to: Offsets) -> Iterator[Connection]:
        """Hold a transaction that moves the checkpoints first, and so their rows' locks."""
        committing = False
        try:
            connection = self._session.connection(self.projection.stages)
            with connection.transaction():
                checkpoints.move(connection, self.projection.name, known=self._known, to=to)
                yield connection
                committing = True
        except Unavailable:
            self._interrupted = True
            raise
        except psycopg.Error as error:
            if is_about_the_row(error):
                raise
            self._interrupted = True
            self._doubtful = dict(to) if committing else {}
            raise unavailable(error) from error
        self._known.update(to)


def _after(items: Sequence[_Item]) -> dict[Partition, int]:
    return {
        (item.record.origin.topic, item.record.origin.partition): item.record.origin.offset + 1
        for item in items
    }
