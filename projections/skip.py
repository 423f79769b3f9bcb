"""Leave a parked event out for good, for a reason, so that what waits behind it can go on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from events.envelope import Origin
from events.projection import ProjectionSettled, Settlement
from projections.faults import unavailable
from projections.parked import ParkedEvent, show_parked
from projections.projection import Projection
from projections.session import Connection, Session
from projections.settling import let_go, lock_checkpoint, settled_as, tell


class NotAtTheHead(Exception):  # noqa: N818 -- says what is wrong with what was asked
    """Name another offset: what is to be skipped is not what a queue stands still at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A skip of the event that a queue stands still at: by whom, and where that is told."""

    session: Session
    record_settlement: Callable[[ProjectionSettled], None]
    now: Callable[[], datetime]
    by: str

    def __call__(self, projection: Projection, topic: str, offset: int, reason: str) -> Origin:
        """Skip the event at `offset` in `projection`; what waits behind it waits for a retry.

        The projector waits at the checkpoint meanwhile. Kafka has the settlement before the event
        is let go: a rebuild, which leaves out what was skipped, never knows less than the tables.
        Interrupted between the two, the event is still parked, and skipping it again ends well.

        Raises:
            NotAtTheHead: Nothing waits there, or it is not the one that failed.
            DatabaseUnavailable: PostgreSQL cannot answer; the event is still parked.
            FailureNotRecorded: Kafka did not acknowledge; the event is still parked.
        """
        try:
            connection = self.session.connection()
            with connection.transaction():
                return self._skip(connection, projection.name, topic, offset, reason)
        except psycopg.Error as error:
            raise unavailable(error) from error

    def _skip(
        self, connection: Connection, projection: str, topic: str, offset: int, reason: str
    ) -> Origin:
        connection.execute("SET LOCAL synchronous_commit = on")
        lock_checkpoint(connection, projection, topic)
        heads = show_parked(connection, projection, topic, first=1)
        origin = _head(heads, projection, topic, offset)
        settlement = settled_as(
            Settlement.SKIPPED, projection, origin, reason=reason, by=self.by, at=self.now()
        )
        tell(self.record_settlement, settlement)
        let_go(connection, projection, origin)
        return origin


def _head(heads: list[ParkedEvent], projection: str, topic: str, offset: int) -> Origin:
    if not heads:
        raise NotAtTheHead(f"nothing of {topic} is parked in {projection}")
    [head] = heads
    if head.origin.offset != offset:
        raise NotAtTheHead(
            f"{topic} offset {offset} is not what {projection} stands still at: that is offset "
            f"{head.origin.offset}; only the event that failed can be skipped"
        )
    if not head.failed:
        raise NotAtTheHead(
            f"{topic} offset {offset} has not failed in {projection}, it only waited behind one "
            "that did: retry it"
        )
    return head.origin
