"""One topic of the log held against its rows: by any process, in the snapshot that all share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

from consumers.errors import ServiceUnreachable
from consumers.projector.history import History
from consumers.projector.spreading import IsOver, OnPosition
from consumers.projector.verify_scope import Scope, in_scope
from events.catalog import LOG_EVENTS, AnyEvent
from events.codec import Codec, Undecodable
from events.envelope import Origin
from projections.catalog import projection_named
from projections.checkpoints import Partition
from projections.dead_letter import DeadLetter
from projections.record import Record, account_of
from projections.session import Connection
from projections.verify.catalog import FOLDS, SCREENED
from projections.verify.compare import Difference, Kind
from projections.verify.fold import ExpectedTable, Fold
from projections.verify.screen import AT_ONCE, Screen

DIFFERENCES_MAX: Final = 1000
"""No more rows of a projection than these are told of each topic, and of each table."""
_LOG_EVENTS: Final = frozenset[type](LOG_EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One projection's part of a topic: up to where its tables stand, and what they leave out."""

    projection: str
    end: int
    left_out: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A partition to be read once, from `start` on, for every projection that reads it."""

    partition: Partition
    start: int
    shares: tuple[Share, ...]
    scope: Scope

    @property
    def end(self) -> int:
        """The offset behind the last that anybody's tables stand behind."""
        return max(share.end for share in self.shares)

    @property
    def records(self) -> int:
        """How many offsets there are to read."""
        return self.end - self.start


@dataclass(slots=True, kw_only=True)
class Seen:
    """What a partition comes to for one projection: events folded, rows held against theirs.

    `tables` are rows that are yet to be held against theirs, together with all other topics'.
    """

    projection: str
    partition: Partition
    events: int = 0
    rows: int = 0
    found: list[Difference] = field(default_factory=list)
    tables: dict[str, ExpectedTable] = field(default_factory=dict)


class _Taker(Protocol):
    @property
    def events(self) -> frozenset[type]: ...

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None: ...


@dataclass(frozen=True, slots=True)
class Looking:
    """One look, with what a process has at hand for it."""

    connection: Connection
    history: History
    codec: Codec
    look: Look

    def seen(self, note: OnPosition, is_over: IsOver) -> list[Seen]:
        """Read the topic; hold what grows with it against its rows on the way.

        Raises:
            ServiceUnreachable: Kafka or the registry does not answer, or all `is_over`.
        """
        look, place = self.look, self.look.partition
        takers = [self._taker(share) for share in look.shares]
        seen = [Seen(projection=share.projection, partition=place) for share in look.shares]
        for chunk in self.history.read({place: look.start}, {place: look.end}):
            unreadable = [record for record in chunk.records if record.unreadable is not None]
            for share, taker, one in zip(look.shares, takers, seen, strict=True):
                one.events += _take(share, chunk.records, taker)
                one.found += self._not_parked(share, unreadable)
            note(place, chunk.positions[place])
            if is_over():
                raise ServiceUnreachable("the verification was stopped")
        for share, taker, one in zip(look.shares, takers, seen, strict=True):
            if isinstance(taker, Screen):
                one.found += islice(in_scope(taker.differences(), look.scope), DIFFERENCES_MAX)
                one.rows += taker.rows
                one.found += self._again(share, taker)
            else:
                one.tables = taker.tables()
        return seen

    def _taker(self, share: Share) -> Screen | Fold:
        make = FOLDS[share.projection]
        if share.projection not in SCREENED:
            return make()
        account = account_of(self.look.partition[0])
        only_whole = self.look.scope.since is not None
        return Screen(self.connection, make, account, only_whole=only_whole)

    def _again(self, share: Share, screen: Screen) -> list[Difference]:
        """Read the topic once more for stories that went on after they were thought to be over."""
        look, place = self.look, self.look.partition
        late, found = sorted(screen.late), list[Difference]()
        for first in range(0, len(late), AT_ONCE):
            once_more = screen.again(late[first : first + AT_ONCE])
            for chunk in self.history.read({place: look.start}, {place: look.end}):
                _take(share, chunk.records, once_more)
            found += in_scope(once_more.differences(), look.scope)
            if len(found) >= DIFFERENCES_MAX:
                break
        return found[:DIFFERENCES_MAX]

    def _not_parked(self, share: Share, unreadable: Sequence[Record]) -> list[Difference]:
        """Name records of an account's log that cannot be read and do not wait either.

        What only other projections read may have been passed over without a look.
        """
        topic, number = self.look.partition
        if account_of(topic) is None:
            return []
        reads = projection_named(share.projection).events
        return [
            Difference(
                table="parked_events",
                key={
                    "projection": share.projection,
                    "topic": topic,
                    "partition": number,
                    "log_offset": record.origin.offset,
                },
                kind=Kind.MISSING,
            )
            for record in _within(share, unreadable)
            if (kind := _kind_of(record, self.codec)) not in _LOG_EVENTS or kind in reads
        ]


def _take(share: Share, records: Sequence[Record], taker: _Taker) -> int:
    """Hand on what the tables should hold; return how many events they should stand behind.

    `taker` gets those that it makes anything of.
    """
    kinds, take, count = taker.events, taker.take, 0
    for record in _within(share, records):
        event = record.event
        if event is not None:
            count += 1
            if type(event) in kinds:
                take(event, record.origin)
    return count


def _within(share: Share, records: Sequence[Record]) -> Sequence[Record]:
    """Return those of `records`, which stand in their order, that the tables should hold."""
    if records and not share.left_out and records[-1].origin.offset < share.end:
        return records
    return [
        record
        for record in records
        if record.origin.offset < share.end and record.origin.offset not in share.left_out
    ]


def _kind_of(record: Record, codec: Codec) -> type | None:
    try:
        return codec.type_of(record.value)
    except Undecodable:
        return None
