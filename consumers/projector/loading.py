"""New tables loaded from nothing, partition by partition: rows copied as they are."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.projector.garbage import collecting_seldom
from consumers.projector.history import History
from consumers.projector.spreading import Act, IsOver, OnPosition, Workers, spread
from events.codec import Codec
from projections.bulk import BulkLoad
from projections.catalog import projection_named
from projections.checkpoints import Partition
from projections.projection import events_read
from projections.session import Session

_STRETCH: Final = 10_000
"""Records put together before they are written: memory does not grow with the log."""
_DIED: Final = (
    "a process of the rebuild died, perhaps for want of memory: start the rebuild again, it goes "
    "on with what is there"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One partition to load: from where to where for each projection, and what it leaves out."""

    cluster: Cluster
    postgres_dsn: str
    partition: Partition
    spans: Mapping[str, tuple[int, int]]
    skipped: Mapping[str, frozenset[int]]

    @property
    def records(self) -> int:
        """How many offsets there are to read."""
        return self.end - self.start

    @property
    def start(self) -> int:
        """The first offset that anybody wants."""
        return min(start for start, _ in self.spans.values())

    @property
    def end(self) -> int:
        """The offset behind the last."""
        return max(end for _, end in self.spans.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """How far each projection came in `partition`, and what it has folded, if it folds."""

    partition: Partition
    at: Mapping[str, int]
    folded: Mapping[str, Any]


def load(
    loads: Iterable[Load], codec: Codec, workers: Workers, note: OnPosition
) -> Iterator[Loaded]:
    """Load partitions, the longest first, by `workers` or in this process; yield each when done.

    Raises:
        ServiceUnreachable: Kafka, the registry or PostgreSQL does not answer, or a process died.
    """
    return spread(loads, _loading, codec, workers, note, _DIED)


@contextmanager
def _loading(codec: Codec) -> Iterator[Act[Load, Loaded]]:
    with collecting_seldom():
        yield partial(load_partition, codec)


def load_partition(codec: Codec, one: Load, note: OnPosition, is_over: IsOver) -> Loaded:
    """Load one partition to its end, or until `is_over` says so.

    Raises:
        ServiceUnreachable: Kafka or the registry does not answer.
        DatabaseUnavailable: PostgreSQL cannot answer.
    """
    projections = {name: projection_named(name) for name in one.spans}
    wanted = events_read(projections.values())
    with ExitStack() as stack:
        history = stack.enter_context(History(one.cluster, codec.with_gates_as_text(), wanted))
        session = Session(one.postgres_dsn, application_name="dispatcher-rebuild")
        stack.callback(session.close)
        bulks = {
            name: BulkLoad(session, projection, one.partition, one.spans[name][0])
            for name, projection in projections.items()
        }
        unwritten = 0
        for chunk in history.read({one.partition: one.start}, {one.partition: one.end}):
            for name, bulk in bulks.items():
                end, skipped = one.spans[name][1], one.skipped.get(name, frozenset())
                for record in chunk.records:
                    offset = record.origin.offset
                    if offset < end and offset not in skipped:
                        bulk.add(record)
            unwritten += len(chunk.records)
            at = chunk.positions[one.partition]
            if unwritten >= _STRETCH:
                for name, bulk in bulks.items():
                    bulk.write(min(at, one.spans[name][1]))
                unwritten = 0
            note(one.partition, at)
            if is_over():
                raise ServiceUnreachable("the rebuild was stopped")
        for name, bulk in bulks.items():
            bulk.end(one.spans[name][1])
    return Loaded(
        partition=one.partition,
        at={name: bulk.at for name, bulk in bulks.items()},
        folded={name: bulk.folded for name, bulk in bulks.items() if bulk.projection.folding},
    )
