"""Try parked events again, in their order, after what stopped them was mended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from events.codec import Codec
from events.envelope import Origin
from events.projection import ProjectionSettled, Settlement
from projections.apply import merge, render, rows_of
from projections.checkpoints import Partition
from projections.faults import is_about_the_row, unavailable
from projections.folding import Folds, Kept, Past
from projections.parked import ParkedEvent, count_parked, show_parked
from projections.parking import FailureRecorder, projection_failed
from projections.projection import Projection
from projections.record import Record, read_record
from projections.session import Connection, Session
from projections.settling import ONE_PARKED, let_go_up_to, lock_checkpoint, settled_as, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What a retry did: events applied, events that still wait, and what stopped it (or None)."""

    applied: int
    waiting: int
    stopped_at: Origin | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A retry of parked events: by whom, and where its failures and settlements are told.

    `record_failure` and `record_settlement` return once Kafka has acknowledged. No more than
    `at_once` events are held in memory and merged together, however long the queue is.
    """

    session: Session
    codec: Codec
    record_failure: FailureRecorder
    record_settlement: Callable[[ProjectionSettled], None]
    now: Callable[[], datetime]
    by: str
    build: str
    past: Past | None = None
    kept: Callable[[Projection], Kept] | None = None
    at_once: int = 5000

    def __call__(self, projection: Projection, topic: str) -> Retried:
        """Apply what waits of `topic` in `projection`, in order, up to the first that still fails.

        Each `at_once` of the queue are a transaction, in which the projector waits at the
        checkpoint; in between what it adds goes to the queue's end. Failures that are over are
        settled in `projection.failures`, after the commit.

        Raises:
            DatabaseUnavailable: PostgreSQL cannot answer; the rest of the queue waits as it did.
            FailureNotRecorded: Kafka did not acknowledge: a new failure, and the rest of the queue
                waits as it did; or a settlement, and only that is missing.
            LogUnavailable: The log before what waits cannot be read; it waits as it did.
        """
        folds = Folds(projection, self.past, self.kept and self.kept(projection))
        result, is_over = Retried(applied=0, waiting=0), False
        while not is_over:
            try:
                step, settled, is_over = self._in_one_transaction(projection, topic, folds)
            except psycopg.Error as error:
                raise unavailable(error) from error
            for event in settled:
                self._settle(projection, event.origin)
            result = replace(step, applied=result.applied + step.applied)
        return result

    def _in_one_transaction(
        self, projection: Projection, topic: str, folds: Folds
    ) -> tuple[Retried, list[ParkedEvent], bool]:
        """Apply the queue's beginning; return what came of it, failures that are over, the end."""
        connection = self.session.connection(projection.stages)
        folds.catch_up(_beginning(show_parked(connection, projection.name, topic, first=1)))
        with connection.transaction():
            connection.execute("SET LOCAL synchronous_commit = on")
            lock_checkpoint(connection, projection.name, topic)
            events = show_parked(connection, projection.name, topic, first=self.at_once)
            folds.catch_up(_beginning(events))  # somebody else may have retried some of it
            records = [self._record(event) for event in events]
            done, error = _apply_prefix(connection, projection, folds, records)
            if done:
                let_go_up_to(connection, projection.name, events[done - 1].origin)
            is_over = error is not None or len(events) < self.at_once
            result = Retried(applied=done, waiting=0)
            if error is not None:
                told = self._still_fails(connection, projection, records[done], error)
                result = replace(
                    result,
                    waiting=count_parked(connection, projection.name, topic),
                    stopped_at=events[done].origin,
                    error=told,
                )
        return result, [event for event in events[:done] if event.failed], is_over

    def _settle(self, projection: Projection, origin: Origin) -> None:
        settlement = settled_as(
            Settlement.RETRIED,
            projection.name,
            origin,
            reason="applied after all",
            by=self.by,
            at=self.now(),
        )
        tell(self.record_settlement, settlement)

    def _record(self, event: ParkedEvent) -> Record:
        return read_record(
            self.codec, event.origin, key=event.key, value=event.value, headers=event.headers
        )

    def _still_fails(
        self, connection: Connection, projection: Projection, record: Record, error: Exception
    ) -> str:
        failure = projection_failed(
            projection.name, record, error, occurred_at=self.now(), build=self.build
        )
        tell(self.record_failure, failure)
        connection.execute(
            f"UPDATE parked_events SET failure_id = %s, sqlstate = %s, error = %s {ONE_PARKED}",  # noqa: S608 -- a constant of ours
            (
                failure.event_id,
                failure.sqlstate,
                failure.error,
                projection.name,
                failure.topic,
                failure.partition,
                failure.offset,
            ),
        )
        return failure.error


def _beginning(events: Sequence[ParkedEvent]) -> dict[Partition, int]:
    """Return where what waits begins: what folds have to stand at."""
    return {(one.origin.topic, one.origin.partition): one.origin.offset for one in events[:1]}


def _apply_prefix(
    connection: Connection, projection: Projection, folds: Folds, records: Sequence[Record]
) -> tuple[int, Exception | None]:
    """Apply as many of `records` as go, from the first on; what stopped it, if anything did."""
    if not records:
        return 0, None
    try:
        with connection.transaction():
            place = (records[0].origin.topic, records[0].origin.partition)
            rows = [row for record in records for row in rows_of(projection, record)]
            summed, ahead = folds.told(
                records,
                known={place: folds.next_offset(place)},
                to={place: records[-1].origin.offset + 1},
            )
            merge(connection, projection, render(projection, [*rows, *summed]))
    except Exception as error:
        if not is_about_the_row(error):
            raise
        if len(records) == 1:
            return 0, error
    else:
        folds.keep(ahead)
        return len(records), None
    half = len(records) // 2
    done, stopped = _apply_prefix(connection, projection, folds, records[:half])
    if stopped is not None:
        return done, stopped
    more, stopped = _apply_prefix(connection, projection, folds, records[half:])
    return half + more, stopped
