"""New tables on their way to where the live ones stand."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

from consumers.cluster import Cluster
from consumers.projector.history import Chunk, History
from consumers.projector.reading import committed_ends
from events.projection import ProjectionFailed
from projections.checkpoints import Partition
from projections.engine import Engine
from projections.failures import FAILURES
from projections.projection import Projection
from projections.shadow import Shadow


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildSettings:
    """Where the logs and the tables are, and in whose name it is done."""

    cluster: Cluster
    postgres_dsn: str
    build: str
    by: str
    now: Callable[[], datetime]


@dataclass(slots=True)
class Building:
    """One projection's new tables, on their way to `target`."""

    projection: Projection
    shadow: Shadow
    engine: Engine
    skipped: frozenset[tuple[str, int, int]]
    failures: dict[object, ProjectionFailed]
    ends: dict[Partition, int]
    target: dict[Partition, int] = field(default_factory=dict)
    records: int = 0

    def aim(self, standing: dict[Partition, int]) -> None:
        """Go where the live tables stand, to the log's end where they stand nowhere yet."""
        self.target = {**self.ends, **self.target, **standing}
        for place in self.target.keys() - self.engine.checkpoints.keys():
            self.engine.begin(place, 0)

    def feed(self, chunk: Chunk) -> None:
        """Apply what is this projection's and stands before its target."""
        positions = {
            place: min(offset, self.target[place])
            for place, offset in chunk.positions.items()
            if place in self.target
        }
        records = []
        for record in chunk.records:
            topic, number, offset = (
                record.origin.topic,
                record.origin.partition,
                record.origin.offset,
            )
            wanted = offset < self.target.get((topic, number), 0)
            if wanted and (topic, number, offset) not in self.skipped:
                records.append(record)
        done = self.engine.apply(records, positions)
        self.records += done.applied + done.failed + done.waiting


def start_building(
    settings: RebuildSettings,
    history: History,
    projections: Sequence[Projection],
    stack: ExitStack,
) -> list[Building]:
    """Make empty tables beside the live ones; `stack` drops them in the end."""
    ends = committed_ends(settings.cluster, projections)
    history.require_heads(ends)
    skipped = history.skipped(committed_ends(settings.cluster, [FAILURES]))
    buildings = []
    for projection in projections:
        shadow = Shadow(settings.postgres_dsn, projection)
        stack.callback(shadow.close)
        shadow.create()
        failures: dict[object, ProjectionFailed] = {}

        def remember(
            failure: ProjectionFailed, heard: dict[object, ProjectionFailed] = failures
        ) -> None:
            heard[failure.event_id] = failure

        engine = Engine(
            projection,
            shadow.session,
            record_failure=remember,
            now=settings.now,
            build=settings.build,
        )
        buildings.append(
            Building(
                projection=projection,
                shadow=shadow,
                engine=engine,
                skipped=frozenset(
                    (topic, number, offset)
                    for name, topic, number, offset in skipped
                    if name == projection.name
                ),
                failures=failures,
                ends={place: end for place, end in ends.items() if projection.reads(place[0])},
            )
        )
    return buildings
