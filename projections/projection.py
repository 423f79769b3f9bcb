"""What a projection is: the topics it reads, the rows it makes of events, how they are merged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from events.catalog import AnyEvent
from events.envelope import Origin
from projections.dead_letter import DeadLetter
from projections.finished import Finisher
from projections.record import account_of
from projections.stage import Row, Stage

Readable: TypeAlias = AnyEvent | DeadLetter
"""Whatever a projection may be shown."""


_Folded = TypeVar("_Folded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding(Generic[_Folded]):
    """How a log is summed up: `step` folds one event more, `rows` are what that comes to.

    Both are pure, and what is folded is immutable. `step` begins with None. Rows replace those of
    before: they are made once per batch, not once per event. `dump` makes text of what is folded,
    of which `load` makes the same again, or raises `ValueError`.
    """

    step: Callable[[_Folded | None, Readable, Origin], _Folded]
    rows: Callable[[_Folded], Iterable[Row]]
    dump: Callable[[_Folded], str]
    load: Callable[[str], _Folded]


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A named fold of topics into tables that share their checkpoints and their fate.

    `rows` is pure: no I/O, no clock, nothing random. The order in which rows are merged does not
    matter. `derive` is SQL that runs after the merges, for tables computed from the staged keys.
    Only what is among `events` is shown to it: nothing else need even be decoded. A `folding` makes
    rows of what these events of a log come to, in the log's order. A `finisher` merges a stretch of
    one topic without PostgreSQL, for tables that are filled from nothing; a `live_finisher` does so
    for tables that are full already.
    """

    name: str
    topics: frozenset[str] = frozenset()
    reads_logs: bool = False
    events: frozenset[type]
    tables: tuple[str, ...]
    stages: tuple[Stage, ...]
    rows: Callable[[Readable, Origin], Iterable[Row]]
    derive: str | None = None
    folding: Folding[Any] | None = None
    finisher: Callable[[], Finisher] | None = None
    live_finisher: Callable[[], Finisher] | None = None

    def reads(self, topic: str) -> bool:
        """Say whether records of `topic` are for this projection."""
        return topic in self.topics or (self.reads_logs and account_of(topic) is not None)


def events_read(projections: Iterable[Projection]) -> frozenset[type]:
    """Return the event types that any of `projections` reads."""
    return frozenset[type]().union(*(projection.events for projection in projections))
