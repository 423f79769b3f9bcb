"""New tables on their way to where the live ones stand."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from consumers.cluster import Cluster
from consumers.evolve_code import rows_code
from consumers.projector.history import Chunk, History
from consumers.projector.loading import Load
from consumers.projector.past import LogPast
from consumers.projector.reading import committed_ends
from events.codec import Codec
from events.projection import ProjectionFailed
from projections.apply import rows_of
from projections.checkpoints import Offsets, Partition
from projections.engine import Applied, Engine
from projections.failures import FAILURES
from projections.faults import CheckpointLost, FoldBehind
from projections.folding import Folds
from projections.projection import Projection
from projections.record import Record, account_of
from projections.shadow import Shadow
from projections.swap import ABOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildSettings:
    """Where the logs and the tables are, in whose name it is done, and how.

    More than one of `processes` needs a `registry_url`, as each decodes for itself; fewer offsets
    than are `worth_processes` are loaded in this one. `anew` makes tables anew where an interrupted
    rebuild left some.
    """

    cluster: Cluster
    postgres_dsn: str
    build: str
    by: str
    now: Callable[[], datetime]
    registry_url: str | None = None
    processes: int = field(default_factory=lambda: os.cpu_count() or 1)
    worth_processes: int = 20_000
    anew: bool = False


class _OfAccount(NamedTuple):
    """All that a fold's rows have in common."""

    account_name: str | None


@dataclass(slots=True)
class Building:
    """One projection's new tables, on their way to `target`."""

    projection: Projection
    shadow: Shadow
    engine: Engine
    skipped: frozenset[tuple[str, int, int]]
    failures: dict[object, ProjectionFailed]
    ends: dict[Partition, int]
    kept: int = 0
    target: dict[Partition, int] = field(default_factory=dict)
    records: int = 0
    is_over: bool = False
    is_closed: bool = False
    touched: dict[str, set[tuple[object, ...]]] | None = None
    stopped_s: float = 0.0
    records_meanwhile: int = 0

    def aim(self, standing: dict[Partition, int]) -> None:
        """Go where the live tables stand, to the log's end where they stand nowhere yet."""
        self.target = {**self.ends, **self.target, **standing}
        self.begin()

    def begin(self) -> None:
        """Take up partitions that are new here."""
        for place in self.target.keys() - self.engine.checkpoints.keys():
            self.engine.begin(place, 0)

    def go_on(self, folded: Mapping[tuple[str, Partition], object]) -> None:
        """Let the engine go on where the tables were loaded to, with what was folded meanwhile."""
        self.engine.leave(list(self.engine.checkpoints))
        self.begin()
        for (name, place), what in folded.items():
            if name == self.projection.name:
                self.engine.stand(place, what)

    def make_anew(self) -> None:
        """Start again with tables that have their indexes: the engine fills them from nothing."""
        self.shadow.create()
        self.engine.leave(list(self.engine.checkpoints))
        self.begin()

    def require_all_there(self) -> None:
        """Raise where a crash of PostgreSQL has emptied the new tables, which are unlogged.

        Raises:
            CheckpointLost: They are not what the engine has filled.
        """
        if self.shadow.checkpoints() != self.engine.checkpoints:
            raise CheckpointLost("the new tables are not what was written to them")

    def close(self) -> None:
        """Drop the tables if they are of no use any more, else leave them for the next rebuild."""
        if self.is_closed:  # what is there now may be somebody else's
            return
        self.is_closed = True
        if self.is_over:
            self.shadow.close()
        else:
            self.shadow.leave()

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
        self._note_touched(records)
        done = self._apply(records, positions)
        self.records += done.applied + done.failed + done.waiting

    def _note_touched(self, records: list[Record]) -> None:
        """Note which rows may change from now on, once the tables were compared."""
        if self.touched is None:
            return
        for record in records:
            for row in self._staged(record):
                for table in self.projection.tables:
                    key = tuple(getattr(row, column) for column in ABOUT[table])
                    self.touched.setdefault(table, set()).add(key)

    def _staged(self, record: Record) -> Iterable[Any]:
        if self.projection.folding is not None:
            return [_OfAccount(account_of(record.origin.topic))]
        try:
            return rows_of(self.projection, record)
        except Exception:  # noqa: BLE001 -- it will be parked, which changes no row
            return []

    def _apply(self, records: list[Record], positions: Offsets) -> Applied:
        while True:
            with suppress(FoldBehind):  # a part of the past was folded
                return self.engine.apply(records, positions)


def start_building(
    settings: RebuildSettings,
    codec: Codec,
    history: History,
    projections: Sequence[Projection],
    stack: ExitStack,
) -> list[Building]:
    """Make empty tables beside the live ones, or take up what an interrupted rebuild left."""
    ends = committed_ends(settings.cluster, projections)
    history.require_heads(ends)
    skipped = history.skipped(committed_ends(settings.cluster, [FAILURES]))
    return [
        _start(
            settings,
            codec,
            projection,
            {place: end for place, end in ends.items() if projection.reads(place[0])},
            frozenset(
                (topic, number, offset)
                for name, topic, number, offset in skipped
                if name == projection.name
            ),
            stack,
        )
        for projection in projections
    ]


def loads_of(settings: RebuildSettings, buildings: Sequence[Building]) -> list[Load]:
    """Return what is to be loaded, a partition each for all that read it.

    What sums a log up is loaded from its first event or not at all: the engine has its own way.
    """
    loads = []
    for place in sorted({place for one in buildings for place in one.target}):
        spans: dict[str, tuple[int, int]] = {}
        skipped: dict[str, frozenset[int]] = {}
        for one in buildings:
            start, end = one.engine.checkpoints.get(place, 0), one.target.get(place, 0)
            if start < end and not (start and one.projection.folding):
                name = one.projection.name
                spans[name] = (start, end)
                skipped[name] = frozenset(at for *of, at in one.skipped if tuple(of) == place)
        if spans:
            loads.append(
                Load(
                    cluster=settings.cluster,
                    postgres_dsn=settings.postgres_dsn,
                    partition=place,
                    spans=spans,
                    skipped=skipped,
                )
            )
    return loads


def _start(
    settings: RebuildSettings,
    codec: Codec,
    projection: Projection,
    ends: dict[Partition, int],
    skipped: frozenset[tuple[str, int, int]],
    stack: ExitStack,
) -> Building:
    shadow = Shadow(settings.postgres_dsn, projection)
    failures: dict[object, ProjectionFailed] = {}

    def remember(failure: ProjectionFailed) -> None:
        failures[failure.event_id] = failure

    engine = Engine(
        projection,
        shadow.session,
        record_failure=remember,
        now=settings.now,
        build=settings.build,
        folds=Folds(projection, LogPast(settings.cluster, codec)),
    )
    one = Building(
        projection=projection,
        shadow=shadow,
        engine=engine,
        skipped=skipped,
        failures=failures,
        ends=ends,
    )
    stack.callback(one.close)
    made_of = f"{rows_code()} {settings.cluster} {sorted(skipped)}"
    if shadow.open(made_of, anew=settings.anew):
        found = shadow.checkpoints()
        made_anew = any(offset > ends.get(place, 0) for place, offset in found.items())
        if made_anew or shadow.has_parked:  # topics are others, or failures were not kept
            shadow.open(made_of, anew=True)
        else:
            one.kept = sum(found.values())
    return one
