"""One projection that is held against the log: what its tables stand behind, what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from consumers.projector.verify_look import Seen, Share
from projections.checkpoints import Partition
from projections.projection import Projection
from projections.session import Connection
from projections.verify.compare import Difference
from projections.verify.fold import ExpectedTable


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
class Case:
    """One projection: how far its tables are, what they leave out, what they should hold."""

    projection: Projection
    checkpoints: dict[Partition, int]
    left_out: dict[Partition, set[int]]
    parked: int
    skipped: int = 0
    seen: list[Seen] = field(default_factory=list)
    rows: int = 0
    found: list[Difference] = field(default_factory=list)

    def leave_out(self, place: Partition, offset: int) -> None:
        """Leave out what was skipped, too."""
        self.left_out.setdefault(place, set()).add(offset)
        self.skipped += 1

    def share_of(self, place: Partition) -> Share:
        """Return its part of a topic that it reads."""
        return Share(
            projection=self.projection.name,
            end=self.checkpoints[place],
            left_out=frozenset(self.left_out.get(place, ())),
        )

    def see(self, seen: Iterable[Seen]) -> None:
        """Take what its topics came to, in their order, whichever was done first."""
        self.seen = sorted(seen, key=lambda one: one.partition)

    def tables(self) -> dict[str, ExpectedTable]:
        """Return what all topics come to, and was not yet held against its rows.

        What two topics say of a row that both know is what the first of them says.
        """
        whole: dict[str, ExpectedTable] = {name: {} for name in self.projection.tables}
        for seen in self.seen:
            for name, rows in seen.tables.items():
                whole[name] = {**rows, **whole[name]}
        return whole

    def verified(self) -> Verified:
        """Return what came of it."""
        return Verified(
            projection=self.projection.name,
            events=sum(seen.events for seen in self.seen),
            rows=sum(seen.rows for seen in self.seen) + self.rows,
            parked=self.parked,
            skipped=self.skipped,
            differences=(*(one for seen in self.seen for one in seen.found), *self.found),
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
    left_out: dict[Partition, set[int]] = {}
    for topic, number, offset in parked:
        left_out.setdefault((str(topic), int(str(number))), set()).add(int(str(offset)))
    return Case(
        projection=projection,
        checkpoints={
            (str(topic), int(str(number))): int(str(offset)) for topic, number, offset in found
        },
        left_out=left_out,
        parked=len(parked),
    )
