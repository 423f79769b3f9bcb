"""Partitions spread over processes, or gone through in this one: the same comes of it."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.queues import Queue
from multiprocessing.util import Finalize
from queue import Empty
from threading import Thread
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from consumers.errors import ServiceUnreachable
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from projections.checkpoints import Partition

_HEARD_S: Final = 0.5

OnPosition: TypeAlias = Callable[[Partition, int], None]
IsOver: TypeAlias = Callable[[], bool]


class Task(Protocol):
    """A partition to go through; what is needed for it can be pickled."""

    @property
    def records(self) -> int:
        """How many offsets there are to read."""
        ...


_T = TypeVar("_T", bound=Task)
_R = TypeVar("_R")

Act: TypeAlias = Callable[[_T, OnPosition, IsOver], _R]
"""Goes through one partition, says how far it is, and stops where it is told that all is over."""

Make: TypeAlias = Callable[[Codec], AbstractContextManager[Act[_T, _R]]]
"""Opens what a process needs for any number of partitions; it can be pickled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """At most so many `processes`, for no fewer offsets together than are `worth` starting them.

    Without a `registry_url`, at which each asks for schemas, there are none.
    """

    registry_url: str | None
    processes: int
    worth: int = 20_000


ALONE: Final = Workers(registry_url=None, processes=1)


def spread(
    tasks: Iterable[_T],
    make: Make[_T, _R],
    codec: Codec,
    workers: Workers,
    note: OnPosition,
    died: str,
) -> Iterator[_R]:
    """Go through partitions, the longest first, by `workers` or here; yield what comes of each.

    Raises:
        ServiceUnreachable: A process `died`, which says what now.
        Exception: Whatever going through a partition raises.
    """
    waiting = sorted(tasks, key=lambda one: one.records, reverse=True)
    count = min(workers.processes, len(waiting))
    is_short = sum(one.records for one in waiting) < workers.worth
    if count <= 1 or workers.registry_url is None or is_short:
        with make(codec) as act:
            for one in waiting:
                yield act(one, note, _never)
        return
    context = get_context("spawn")  # librdkafka's threads do not survive a fork
    told: Queue[tuple[Partition, int]] = context.Queue()
    stop = context.Event()
    with ProcessPoolExecutor(
        count, context, initializer=_begin, initargs=(workers.registry_url, make, told, stop)
    ) as pool:
        try:
            open_: set[Future[_R]] = {pool.submit(_in_a_process, one) for one in waiting}
            while open_:
                done, open_ = wait(open_, _HEARD_S, FIRST_COMPLETED)
                _listen(told, note)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise ServiceUnreachable(died) from error
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _never() -> bool:
    return False


def _listen(told: "Queue[tuple[Partition, int]]", note: OnPosition) -> None:
    while True:
        try:
            note(*told.get_nowait())
        except Empty:
            return


_PROCESS: dict[str, Any] = {}
"""What a process of the pool is given once: how it acts, the queue, the event that ends it."""


def _begin(registry_url: str, make: Any, told: "Queue[tuple[Partition, int]]", stop: Any) -> None:  # noqa: ANN401 -- multiprocessing has no name for it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    stack = ExitStack()
    Finalize(None, stack.close, exitpriority=1)
    act = stack.enter_context(make(Codec(RegistrySchemaSource(registry_url))))
    _PROCESS.update(act=act, told=told, stop=stop)
    Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """End this process with whoever started it, even one that was killed: nobody else would."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_a_process(one: Any) -> Any:  # noqa: ANN401 -- a task, and what comes of it
    told, stop = _PROCESS["told"], _PROCESS["stop"]

    def note(partition: Partition, at: int) -> None:
        told.put((partition, at))

    return _PROCESS["act"](one, note, stop.is_set)
