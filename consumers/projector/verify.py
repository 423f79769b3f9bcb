"""Hold the tables against the log: one snapshot of PostgreSQL, the log folded to its offsets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from consumers.cluster import Cluster
from consumers.projector.history import History
from consumers.projector.reading import committed_ends
from consumers.tables import snapshot
from events.codec import Codec
from projections.checkpoints import Partition
from projections.failures import FAILURES
from projections.projection import Projection
from projections.record import Record
from projections.session import Connection
from projections.verify.catalog import FOLDS
from projections.verify.compare import Difference, differences
from projections.verify.fold import Fold

DIFFERENCES_MAX: Final = 1000
"""No more rows of a table than these are told."""

OnProgress = Callable[[int, int], None]
"""Called with the offsets read and the offsets to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of one projection: events folded, rows expected, events left out, differences."""

    projection: str
    events: int
    rows: int
    parked: int
    skipped: int
    differences: tuple[Difference, ...]


@dataclass(slots=True)
class _Case:
    """One projection: how far its tables are, what they leave out, what they should hold."""

    projection: Projection
    checkpoints: dict[Partition, int]
    parked: set[tuple[str, int, int]]
    skipped: set[tuple[str, int, int]]
    fold: Fold
    events: int = 0

    def take(self, record: Record) -> None:
        origin = record.origin
        if origin.offset >= self.checkpoints.get((origin.topic, origin.partition), 0):
            return
        at = (origin.topic, origin.partition, origin.offset)
        if record.event is None or at in self.parked or at in self.skipped:
            return
        self.fold.take(record.event, origin)
        self.events += 1


def verify(
    cluster: Cluster,
    codec: Codec,
    dsn: str,
    projections: Sequence[Projection],
    on_progress: OnProgress = lambda _done, _total: None,
) -> list[Verified]:
    """Return what differs in each projection's tables; they are read in one snapshot.

    What is parked or was skipped is left out of the fold, as it is of the tables.

    Raises:
        ConfigurationError: The database is not migrated, or a topic's head is gone.
        ServiceUnreachable: Kafka, the registry or PostgreSQL does not answer.
    """
    with snapshot(dsn) as connection, History(cluster, codec) as history:
        cases = [_case(connection, projection) for projection in projections]
        target: dict[Partition, int] = {}
        for case in cases:
            for place, offset in case.checkpoints.items():
                target[place] = max(offset, target.get(place, 0))
        history.require_heads(target)
        for name, topic, number, offset in history.skipped(committed_ends(cluster, [FAILURES])):
            for case in cases:
                if case.projection.name == name:
                    case.skipped.add((topic, number, offset))
        at: dict[Partition, int] = {}
        for chunk in history.read({}, target):
            for record in chunk.records:
                for case in cases:
                    case.take(record)
            at.update(chunk.positions)
            on_progress(sum(at.values()), sum(target.values()))
        return [_verified(connection, case) for case in cases]


def _case(connection: Connection, projection: Projection) -> _Case:
    found = connection.execute(
        "SELECT topic, partition, next_offset FROM projection_checkpoints WHERE projection = %s",
        (projection.name,),
    ).fetchall()
    parked = connection.execute(
        "SELECT topic, partition, log_offset FROM parked_events WHERE projection = %s",
        (projection.name,),
    ).fetchall()
    return _Case(
        projection=projection,
        checkpoints={
            (str(topic), int(str(number))): int(str(offset)) for topic, number, offset in found
        },
        parked={(str(topic), int(str(number)), int(str(at))) for topic, number, at in parked},
        skipped=set(),
        fold=FOLDS[projection.name](),
    )


def _verified(connection: Connection, case: _Case) -> Verified:
    tables = case.fold.tables()
    rows = sum(len(table) for table in tables.values())
    found = [
        difference
        for name, expected in tables.items()
        for difference in islice(differences(connection, name, expected), DIFFERENCES_MAX)
    ]
    return Verified(
        projection=case.projection.name,
        events=case.events,
        rows=rows,
        parked=len(case.parked),
        skipped=len(case.skipped),
        differences=tuple(found),
    )
