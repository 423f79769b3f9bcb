"""Hold the tables against the log: one snapshot of PostgreSQL, the log folded to its offsets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from psycopg import sql

from consumers.cluster import Cluster
from consumers.projector.history import History
from consumers.projector.reading import committed_ends
from consumers.projector.verify_case import Case, Verified, case_of
from consumers.projector.verify_scope import EVERYTHING, Scope, in_scope
from consumers.tables import snapshot
from events.codec import Codec
from events.topics import log_of
from projections.checkpoints import Partition
from projections.failures import FAILURES
from projections.projection import Projection
from projections.record import account_of
from projections.session import Connection
from projections.verify.catalog import FOLDS, SCREENED
from projections.verify.compare import Difference, differences
from projections.verify.fold import Fold
from projections.verify.screen import AT_ONCE, Screen

DIFFERENCES_MAX: Final = 1000
"""No more rows of a projection than these are told of each topic, and of each table."""

OnProgress = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is: of offsets while
the log is read, then of projections."""


@dataclass(frozen=True, slots=True)
class _Looking:
    connection: Connection
    history: History
    codec: Codec
    cases: Sequence[Case]
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
        cases = [case_of(connection, one) for one in projections if scope.includes(one)]
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
        return [case.verified() for case in cases]


def _target(cases: Sequence[Case], scope: Scope) -> dict[Partition, int]:
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
            some = in_scope(screen.differences(), looking.scope)
            case.found += islice(some, DIFFERENCES_MAX)
            case.rows += screen.rows
            case.found += _again(looking, case, screen, place, span)


def _again(
    looking: _Looking, case: Case, screen: Screen, place: Partition, span: tuple[int, int]
) -> list[Difference]:
    """Read the topic once more for stories that went on after they were thought to be over."""
    late, found = sorted(screen.late), list[Difference]()
    for first in range(0, len(late), AT_ONCE):
        once_more = screen.again(late[first : first + AT_ONCE])
        for chunk in looking.history.read({place: span[0]}, {place: span[1]}):
            for record in chunk.records:
                case.take(record, once_more)
        found += in_scope(once_more.differences(), looking.scope)
        if len(found) >= DIFFERENCES_MAX:
            break
    return found[:DIFFERENCES_MAX]


def _hold_the_rest(looking: _Looking, case: Case) -> None:
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
        some = in_scope(differences(looking.connection, name, whole, where), scope)
        case.found += islice(some, DIFFERENCES_MAX)


def _of_no_topic(case: Case) -> sql.Composable:
    if not case.projection.reads_logs:
        return sql.SQL("FALSE" if case.checkpoints else "TRUE")
    accounts = sorted({str(account_of(topic)) for topic, _ in case.checkpoints})
    return sql.SQL("account_name <> ALL ({})").format(sql.Literal(accounts))
