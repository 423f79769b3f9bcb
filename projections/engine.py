"""The engine of one projection: a batch is one SQL transaction of rows and checkpoints.

A row that cannot be applied is found by halving the batch. Its failure is acknowledged by Kafka
before the event is parked, so that recording it never needs the transaction that failed.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from projections import checkpoints
from projections.apply import render
from projections.checkpoints import Offsets, Partition
from projections.faults import (
    CheckpointLost,
    CheckpointRewound,
    FailureNotRecorded,
    Unavailable,
    is_about_the_row,
    unavailable,
)
from projections.folding import RECORDS_AT_ONCE_MAX, Folds, Standing
from projections.parking import (
    FailureRecorder,
    ask_parked_topics,
    park,
    parked_row,
    parked_topics,
    projection_failed,
    topics_in,
)
from projections.prepared import Prepared, Stretch, prepare
from projections.projection import Projection
from projections.ready import Ready, ask_known, write
from projections.record import Record
from projections.session import Connection, Session


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
        folds: Folds | None = None,
    ) -> None:
        """Bind the projection to where its rows and its failures go; nothing is opened yet.

        A projection that sums logs up needs `folds` that can read the past, unless it sees all of
        every log.
        """
        self.projection = projection
        self._session = session
        self._record_failure = record_failure
        self._now = now
        self._build = build
        self._known: dict[Partition, int] = {}
        self._doubtful: dict[Partition, int] = {}
        self._interrupted = False
        self._folds = folds or Folds(projection, None)

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
        self._folds.begin(partition, offset)
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
            self._folds.leave(partition)

    def prepare(self, records: Iterable[Record] | Stretch) -> Prepared:
        """Make of records what `write` takes, with nothing but the records: at any time, anywhere.

        What a `write` waits for in another thread is waited for while this is done.
        """
        prepared = prepare(self.projection, records)
        prepared.render()
        return prepared

    def apply(self, records: Iterable[Record], positions: Offsets) -> Applied:
        """Prepare records and `write` them."""
        return self.write(self.prepare(records), positions)

    def write(self, batch: Prepared, positions: Offsets) -> Applied:
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
        fresh = batch.since(self._known)
        goal = {
            partition: offset
            for partition, offset in positions.items()
            if offset > self._known.get(partition, offset)
        }
        if not fresh.records and not goal:
            return Applied()
        self._catch_up(fresh)
        return self._pass(fresh, goal) or self._write(fresh, goal)

    def _catch_up(self, fresh: Prepared) -> None:
        """Bring folds to the checkpoints; those of waiting topics stay where they wait."""
        behind = self._folds.behind({place: self._known[place] for place in fresh.after})
        if not behind:
            return
        try:
            stuck = parked_topics(self._session.connection(), self.projection.name)
        except psycopg.Error as error:
            raise unavailable(error) from error
        wanted = {place: self._known[place] for place in behind if place[0] not in stuck}
        self._folds.catch_up(wanted, records_max=RECORDS_AT_ONCE_MAX)

    def _pass(self, batch: Prepared, goal: Offsets) -> Applied | None:
        """Go past what says nothing, in one statement; None where it takes a transaction."""
        if not batch.says_nothing or (batch.records and self.projection.folding is not None):
            return None
        to = {**batch.after, **goal}
        _, ahead = self._folds.told((), known=self._known, to=to)
        with self._answered() as doubtful:
            connection = self._session.connection()
            doubtful.update(to)
            if not checkpoints.pass_on(connection, self.projection.name, known=self._known, to=to):
                return None
        self._known.update(to)
        self._folds.keep(ahead)
        return Applied(applied=len(batch.records))

    def _write(self, batch: Prepared, goal: Offsets) -> Applied:
        try:
            return self._transact(batch, goal)
        except (Unavailable, CheckpointLost):
            raise
        except Exception as error:
            if not batch.records or not is_about_the_row(error):
                raise
            if not batch.by_merges:
                return self._write(batch.merging(), goal)  # nothing is parked for what is finished
            if len(batch.records) == 1:
                return self._park(batch, goal, error)
        first, rest = batch.halves()
        return self._write(first, first.after) + self._write(rest, goal)

    def _transact(self, batch: Prepared, goal: Offsets) -> Applied:
        """Write `batch` in one transaction, events of waiting topics behind what they wait for."""
        to = {**batch.after, **goal}
        with self._transaction(to, batch.promised) as (connection, stuck, is_known):
            clear, waiting = batch.split(stuck)
            if is_known or clear is not batch:  # of a part nobody has asked what tables know
                clear = clear.merging()
            rows, ahead = self._folds.told(clear.records, known=self._known, to=to)
            summed = render(self.projection, rows)
            write(connection, self.projection, clear.ready(), summed)
            if waiting.records:
                park(
                    connection,
                    [parked_row(self.projection.name, record, None) for record in waiting.records],
                )
        self._folds.keep(ahead)
        return Applied(applied=len(clear.records), waiting=len(waiting.records))

    def _park(self, batch: Prepared, goal: Offsets, error: Exception) -> Applied:
        [record] = batch.records
        failure = projection_failed(
            self.projection.name, record, error, occurred_at=self._now(), build=self._build
        )
        try:
            self._record_failure(failure)
        except Exception as unheard:
            self._interrupted = True
            raise FailureNotRecorded(
                f"a failure of projection {self.projection.name!r} could not be recorded: {unheard}"
            ) from unheard
        with self._transaction({**batch.after, **goal}) as (connection, _, _):
            park(connection, [parked_row(self.projection.name, record, failure)])
        return Applied(failed=1)

    @contextmanager
    def _transaction(
        self, to: Offsets, promised: Ready | None = None
    ) -> Iterator[tuple[Connection, frozenset[str], bool]]:
        """Hold a transaction that moves the checkpoints first, and so their rows' locks.

        It comes with the topics of which something waits, and whether anything of what is
        `promised` is in the tables already. All of this is one round trip.
        """
        name, known = self.projection.name, self._known
        with self._answered() as doubtful:
            connection = self._session.connection(self.projection.stages)
            with ExitStack() as stack:
                with connection.pipeline():
                    stack.enter_context(psycopg.Transaction(connection))  # outlives the pipeline
                    moved = checkpoints.ask_to_move(connection, name, known=known, to=to)
                    parked = ask_parked_topics(connection, name)
                    found = ask_known(connection, promised) if promised else None
                checkpoints.check_moved(connection, moved, name, known=known, to=to)
                is_known = found is not None and found.fetchone() != (0,)
                yield connection, topics_in(parked), is_known
                doubtful.update(to)
        self._known.update(to)

    @contextmanager
    def _answered(self) -> Iterator[dict[Partition, int]]:
        """Remember, where PostgreSQL gives no answer, the moves that it may have made: `resume`."""
        doubtful: dict[Partition, int] = {}
        try:
            yield doubtful
        except Unavailable:
            self._interrupted = True
            raise
        except psycopg.Error as error:
            if is_about_the_row(error):
                raise
            self._interrupted = True
            self._doubtful = doubtful
            raise unavailable(error) from error
