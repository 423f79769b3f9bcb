"""Hold the tables against the log: one snapshot of PostgreSQL, the log folded to its offsets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

from psycopg import sql

from consumers.cluster import Cluster
from consumers.projector.history import History
from consumers.projector.reading import committed_ends
from consumers.tables import snapshot
from events.catalog import LOG_EVENTS, AnyEvent
from events.codec import Codec, Undecodable
from events.envelope import Origin
from events.identifiers import AccountName
from events.topics import log_of
from projections.checkpoints import Partition
from projections.dead_letter import DeadLetter
from projections.failures import FAILURES
from projections.projection import Projection
from projections.record import Record, account_of
from projections.session import Connection
from projections.verify.catalog import FOLDS, SCREENED, SUMS
from projections.verify.compare import Difference, Kind, differences
from projections.verify.fold import Fold
from projections.verify.screen import AT_ONCE, Screen

DIFFERENCES_MAX: Final = 1000
"""No more rows of a projection than these are told of each topic, and of each table."""

_LOG_EVENTS: Final = frozenset[type](LOG_EVENTS)

OnProgress = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is: of offsets while
the log is read, then of projections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is looked at: one `account`'s log, what is `since` a time or an offset; else everything.

    Since then means: recommendations that were advised or decided since, and records of their own
    that were made since. Sums over a log, and rows that no event stands behind, are then left out.
    """

    account: AccountName | None = None
    since: datetime | int | None = None

    def includes(self, projection: Projection) -> bool:
        """Say whether any of the projection's rows are looked at."""
        if self.account is not None and not projection.reads_logs:
            return False
        return self.since is None or projection.name not in SUMS

    def where(self, table: str) -> sql.Composable:
        """Return the condition for rows that the topics in scope stand behind."""
        if self.account is None:
            return sql.SQL("TRUE")
        column, value = "account_name", str(self.account)
        if table == "dispatch_failures":
            column, value = "log_topic", log_of(self.account).name
        return sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(value))


EVERYTHING: Final = Scope()


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
class _Case:
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


@dataclass(frozen=True, slots=True)
class _Looking:
    connection: Connection
    history: History
    codec: Codec
    cases: Sequence[_Case]
    scope: Scope
    note: Callable[[Partition, int], None]


def verify(
    cluster: Cluster,
    codec: Codec,
    dsn: str,
    projections: Sequence[Projection],
    on_progress: OnProgress = lambda _phase, _done, _total: None,
    scope: Scope = EVERYTHING,
) -> list[Verified]:
    """Return what differs in each projection's tables; they are read in one snapshot.

    What is parked or was skipped is left out of the fold, as it is of the tables; what cannot be
    read and is neither is a difference. Every event is decoded whole, of whatever type: verifying
    relies on no projection's word for what it reads. Topics are read one after another; what is
    held in memory does not grow with them.

    Raises:
        ConfigurationError: The database is not migrated, or a topic's head is gone.
        ServiceUnreachable: Kafka, the registry or PostgreSQL does not answer.
    """
    with snapshot(dsn) as connection, History(cluster, codec) as history:
        cases = [_case(connection, one) for one in projections if scope.includes(one)]
        target = _target(cases, scope)
        history.require_heads(target if scope.since is None else {})
        for name, topic, number, offset in history.skipped(committed_ends(cluster, [FAILURES])):
            for case in cases:
                if case.projection.name == name:
                    case.left_out.add((topic, number, offset))
                    case.skipped += 1
        start = _start(history, target, scope)
        at_all = dict(start)

        def note(place: Partition, offset: int) -> None:
            at_all[place] = max(offset, at_all[place])
            on_progress(
                "reading",
                sum(at_all.values()) - sum(start.values()),
                sum(target.values()) - sum(start.values()),
            )

        looking = _Looking(connection, history, codec, cases, scope, note)
        for place, end in sorted(target.items()):
            _screen(looking, place, (start[place], end))
        for number, case in enumerate(cases):
            on_progress(f"comparing {case.projection.name}", number, len(cases))
            _hold_the_rest(looking, case)
        return [_verified(case) for case in cases]


def _kind_of(record: Record, codec: Codec) -> type | None:
    try:
        return codec.type_of(record.value)
    except Undecodable:
        return None


def _target(cases: Sequence[_Case], scope: Scope) -> dict[Partition, int]:
    target: dict[Partition, int] = {}
    for case in cases:
        for place, offset in case.checkpoints.items():
            if scope.account is None or place[0] == log_of(scope.account).name:
                target[place] = max(offset, target.get(place, 0))
    return target


def _start(history: History, target: Mapping[Partition, int], scope: Scope) -> dict[Partition, int]:
    match scope.since:
        case None:
            return dict.fromkeys(target, 0)
        case int():
            return {place: min(scope.since, end) for place, end in target.items()}
        case moment:
            return history.since(moment, target)


def _screen(looking: _Looking, place: Partition, span: tuple[int, int]) -> None:
    """Read one topic; hold what grows with it against its rows on the way."""
    start, end = span
    account = account_of(place[0])
    mine = [case for case in looking.cases if place in case.checkpoints]
    takers: dict[str, Screen | Fold] = {
        case.projection.name: (
            Screen(
                looking.connection,
                FOLDS[case.projection.name],
                account,
                only_whole=looking.scope.since is not None,
            )
            if case.projection.name in SCREENED
            else case.fold
        )
        for case in mine
    }
    for chunk in looking.history.read({place: start}, {place: end}):
        for record in chunk.records:
            for case in mine:
                case.events += case.take(record, takers[case.projection.name])
                case.require_parked(record, looking.codec)
        looking.note(place, chunk.positions[place])
    for case in mine:
        screen = takers[case.projection.name]
        if isinstance(screen, Screen):
            some = _in_scope(screen.differences(), looking.scope)
            case.found += islice(some, DIFFERENCES_MAX)
            case.rows += screen.rows
            case.found += _again(looking, case, screen, place, span)


def _again(
    looking: _Looking, case: _Case, screen: Screen, place: Partition, span: tuple[int, int]
) -> list[Difference]:
    """Read the topic once more for stories that went on after they were thought to be over."""
    late, found = sorted(screen.late), list[Difference]()
    for first in range(0, len(late), AT_ONCE):
        once_more = screen.again(late[first : first + AT_ONCE])
        for chunk in looking.history.read({place: span[0]}, {place: span[1]}):
            for record in chunk.records:
                case.take(record, once_more)
        found += _in_scope(once_more.differences(), looking.scope)
        if len(found) >= DIFFERENCES_MAX:
            break
    return found[:DIFFERENCES_MAX]


def _hold_the_rest(looking: _Looking, case: _Case) -> None:
    """Hold what was folded over all topics against its tables; find rows of no topic."""
    scope = looking.scope
    screened = case.projection.name in SCREENED
    if screened and scope != EVERYTHING:
        return
    for name, expected in case.fold.tables().items():
        whole, where = expected, scope.where(name)
        if screened:
            where = _of_no_topic(case)
        if scope.since is not None:
            whole = {key: row for key, row in expected.items() if "log_offset" in row}
        case.rows += len(whole)
        some = _in_scope(differences(looking.connection, name, whole, where), scope)
        case.found += islice(some, DIFFERENCES_MAX)


def _of_no_topic(case: _Case) -> sql.Composable:
    if not case.projection.reads_logs:
        return sql.SQL("FALSE" if case.checkpoints else "TRUE")
    accounts = sorted({str(account_of(topic)) for topic, _ in case.checkpoints})
    return sql.SQL("account_name <> ALL ({})").format(sql.Literal(accounts))


def _in_scope(found: Iterator[Difference], scope: Scope) -> Iterator[Difference]:
    """Leave out what only a fold from the beginning can tell."""
    for difference in found:
        if scope.since is None or not _may_be_older(difference):
            yield difference


def _may_be_older(difference: Difference) -> bool:
    """Say whether the row's event may stand before those that were read: the first one counts."""
    if difference.kind is Kind.SURPLUS:
        return True
    return any(
        isinstance(one.table, int) and isinstance(one.log, int) and one.table < one.log
        for one in difference.fields
        if one.column in ("log_offset", "decision_offset")
    )


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
        left_out={(str(topic), int(str(number)), int(str(at))) for topic, number, at in parked},
        parked=len(parked),
        fold=FOLDS[projection.name](),
    )


def _verified(case: _Case) -> Verified:
    return Verified(
        projection=case.projection.name,
        events=case.events,
        rows=case.rows,
        parked=case.parked,
        skipped=case.skipped,
        differences=tuple(case.found),
    )
