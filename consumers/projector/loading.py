"""New tables loaded from nothing: partitions spread over processes, rows copied as they are."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.queues import Queue
from queue import Empty
from threading import Thread
from typing import Any, Final

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.projector.history import History
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from projections.bulk import BulkLoad
from projections.catalog import projection_named
from projections.checkpoints import Partition
from projections.projection import events_read
from projections.session import Session

_STRETCH: Final = 10_000
"""Records put together before they are written: memory does not grow with the log."""
_HEARD_S: Final = 0.5

OnPosition = Callable[[Partition, int], None]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """At most so many `processes`, for no fewer offsets together than are `worth` starting them.

    Without a `registry_url`, at which each asks for schemas, there are none.
    """

    registry_url: str | None
    processes: int
    worth: int


def load(
    loads: Iterable[Load], codec: Codec, workers: Workers, note: OnPosition
) -> Iterator[Loaded]:
    """Load partitions, the longest first, by `workers` or in this process; yield each when done.

    Raises:
        ServiceUnreachable: Kafka, the registry or PostgreSQL does not answer, or a process died.
    """
    waiting = sorted(loads, key=lambda one: one.records, reverse=True)
    count = min(workers.processes, len(waiting))
    is_short = sum(one.records for one in waiting) < workers.worth
    if count <= 1 or workers.registry_url is None or is_short:
        for one in waiting:
            yield load_partition(one, codec, note)
        return
    context = get_context("spawn")  # librdkafka's threads do not survive a fork
    told: Queue[tuple[Partition, int]] = context.Queue()
    stop = context.Event()
    with ProcessPoolExecutor(
        count, context, initializer=_begin, initargs=(workers.registry_url, told, stop)
    ) as pool:
        try:
            open_: set[Future[Loaded]] = {pool.submit(_in_a_process, one) for one in waiting}
            while open_:
                done, open_ = wait(open_, _HEARD_S, FIRST_COMPLETED)
                _listen(told, note)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise ServiceUnreachable(
                "a process of the rebuild died, perhaps for want of memory: start the rebuild "
                "again, it goes on with what is there"
            ) from error
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def load_partition(
    one: Load,
    codec: Codec,
    note: OnPosition,
    is_over: Callable[[], bool] = lambda: False,
) -> Loaded:
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


def _listen(told: "Queue[tuple[Partition, int]]", note: OnPosition) -> None:
    while True:
        try:
            note(*told.get_nowait())
        except Empty:
            return


_PROCESS: dict[str, Any] = {}
"""What a process of the pool is given once: its codec, the queue, the event that ends it."""


def _begin(registry_url: str, told: "Queue[tuple[Partition, int]]", stop: Any) -> None:  # noqa: ANN401 -- multiprocessing has no name for it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    codec = Codec(RegistrySchemaSource(registry_url))
    _PROCESS.update(codec=codec, told=told, stop=stop)
    Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """End this process with whoever started it, even one that was killed: nobody else would."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_a_process(one: Load) -> Loaded:
    told, stop = _PROCESS["told"], _PROCESS["stop"]

    def note(partition: Partition, at: int) -> None:
        told.put((partition, at))

    return load_partition(one, _PROCESS["codec"], note, stop.is_set)
