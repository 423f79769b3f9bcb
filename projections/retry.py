"""Try parked events again, in their order, after what stopped them was mended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from events.codec import Codec
from events.envelope import Origin
from events.projection import ProjectionSettled, Settlement
from projections.apply import empty_stages, merge, render, rows_of
from projections.checkpoints import Partition
from projections.faults import is_about_the_row, unavailable
from projections.folding import Folds, Past
from projections.parked import ParkedEvent, show_parked
from projections.parking import FailureRecorder, projection_failed
from projections.projection import Projection
from projections.record import Record, read_record
from projections.session import Connection, Session
from projections.settling import ONE_PARKED, let_go, lock_checkpoint, settled_as, tell


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

    `record_failure` and `record_settlement` return once Kafka has acknowledged.
    """

    session: Session
    codec: Codec
    record_failure: FailureRecorder
    record_settlement: Callable[[ProjectionSettled], None]
    now: Callable[[], datetime]
    by: str
    build: str
    past: Past | None = None

    def __call__(self, projection: Projection, topic: str) -> Retried:
        """Apply what waits of `topic` in `projection`, in order, up to the first that still fails.

        The projector waits at the checkpoint meanwhile. Failures that are over are settled in
        `projection.failures`, after the commit.

        Raises:
            DatabaseUnavailable: PostgreSQL cannot answer; nothing was changed.
            FailureNotRecorded: Kafka did not acknowledge: a new failure, and nothing was changed;
                or a settlement, and only that is missing.
            LogUnavailable: The log before what waits cannot be read; nothing was changed.
        """
        try:
            result, settled = self._in_one_transaction(projection, topic)
        except psycopg.Error as error:
            raise unavailable(error) from error
        for event in settled:
            settlement = settled_as(
                Settlement.RETRIED,
                projection.name,
                event.origin,
                reason="applied after all",
                by=self.by,
                at=self.now(),
            )
            tell(self.record_settlement, settlement)
        return result

    def _in_one_transaction(
        self, projection: Projection, topic: str
    ) -> tuple[Retried, list[ParkedEvent]]:
        connection = self.session.connection(projection.stages)
        folds = Folds(projection, self.past)
        folds.catch_up(_beginning(show_parked(connection, projection.name, topic)))
        with connection.transaction():
            connection.execute("SET LOCAL synchronous_commit = on")
            lock_checkpoint(connection, projection.name, topic)
            events = show_parked(connection, projection.name, topic)
            folds.catch_up(_beginning(events))  # somebody else may have retried some of it
            records = [self._record(event) for event in events]
            done, error = _apply_prefix(connection, projection, folds, records)
            for event in events[:done]:
                let_go(connection, projection.name, event.origin)
            result = Retried(applied=done, waiting=len(events) - done)
            if error is not None:
                told = self._still_fails(connection, projection, records[done], error)
                result = replace(result, stopped_at=events[done].origin, error=told)
        return result, [event for event in events[:done] if event.failed]

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
            empty_stages(connection, projection)
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
