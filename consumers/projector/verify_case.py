"""One projection that is held against the log: what was taken of it, and what came of that."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from events.catalog import LOG_EVENTS, AnyEvent
from events.codec import Codec, Undecodable
from events.envelope import Origin
from projections.checkpoints import Partition
from projections.dead_letter import DeadLetter
from projections.projection import Projection
from projections.record import Record, account_of
from projections.session import Connection
from projections.verify.catalog import FOLDS
from projections.verify.compare import Difference, Kind
from projections.verify.fold import Fold

_LOG_EVENTS: Final = frozenset[type](LOG_EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of one projection: events folded, rows expected, events left out, differences."""

    projection: str
    events: int
    rows: int
    parked: int
    skipped: int
    differences: tuple[Difference, ...]


class _Taker(Protocol):
    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None: ...


@dataclass(slots=True)
class Case:
    """One projection: how far its tables are, what they leave out, what they should hold."""

    projection: Projection
    checkpoints: dict[Partition, int]
    left_out: set[tuple[str, int, int]]
    parked: int
    fold: Fold
    skipped: int = 0
    events: int = 0
    rows: int = 0
    found: list[Difference] = field(default_factory=list)

    def take(self, record: Record, taker: _Taker) -> bool:
        """Hand on what the tables should hold; return whether they should."""
        origin = record.origin
        place = (origin.topic, origin.partition)
        if origin.offset >= self.checkpoints.get(place, 0):
            return False
        if record.event is None or (*place, origin.offset) in self.left_out:
            return False
        taker.take(record.event, origin)
        return True

    def require_parked(self, record: Record, codec: Codec) -> None:
        """Name a record of an account's log that cannot be read and does not wait either.

        What only other projections read may have been passed over without a look.
        """
        origin = record.origin
        place = (origin.topic, origin.partition, origin.offset)
        if record.unreadable is None or account_of(origin.topic) is None or place in self.left_out:
            return
        if origin.offset >= self.checkpoints.get(place[:2], 0):
            return
        kind = _kind_of(record, codec)
        if kind in _LOG_EVENTS and kind not in self.projection.events:
            return
        key = {
            "projection": self.projection.name,
            "topic": origin.topic,
            "partition": origin.partition,
            "log_offset": origin.offset,
        }
        self.found.append(Difference(table="parked_events", key=key, kind=Kind.MISSING))

    def verified(self) -> Verified:
        """Return what came of it."""
        return Verified(
            projection=self.projection.name,
            events=self.events,
            rows=self.rows,
            parked=self.parked,
            skipped=self.skipped,
            differences=tuple(self.found),
        )


def case_of(connection: Connection, projection: Projection) -> Case:
    """Return a projection as the tables of this snapshot have it, nothing folded yet."""
    found = connection.execute(
        "SELECT topic, partition, next_offset FROM projection_checkpoints WHERE projection = %s",
        (projection.name,),
    ).fetchall()
    parked = connection.execute(
        "SELECT topic, partition, log_offset FROM parked_events WHERE projection = %s",
        (projection.name,),
    ).fetchall()
    return Case(
        projection=projection,
        checkpoints={
            (str(topic), int(str(number))): int(str(offset)) for topic, number, offset in found
        },
        left_out={(str(topic), int(str(number)), int(str(at))) for topic, number, at in parked},
        parked=len(parked),
        fold=FOLDS[projection.name](),
    )


def _kind_of(record: Record, codec: Codec) -> type | None:
    try:
        return codec.type_of(record.value)
    except Undecodable:
        return None
