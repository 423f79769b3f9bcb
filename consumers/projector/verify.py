"""Hold the tables against the log: one snapshot of PostgreSQL, the log folded to its offsets."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final

from psycopg import sql

from consumers.cluster import Cluster
from consumers.projector.history import History
from consumers.projector.reading import committed_ends
from consumers.projector.spreading import ALONE, Workers, spread
from consumers.projector.verify_case import Case, Verified, case_of
from consumers.projector.verify_look import DIFFERENCES_MAX, Look
from consumers.projector.verify_looker import Looker
from consumers.projector.verify_scope import EVERYTHING, Scope, in_scope
from consumers.tables import shared, snapshot
from events.codec import Codec
from events.topics import log_of
from projections.checkpoints import Partition
from projections.failures import FAILURES
from projections.projection import Projection
from projections.record import account_of
from projections.session import Connection
from projections.verify.catalog import SCREENED
from projections.verify.compare import differences

_DIED: Final = (
    "a process of the verification died, perhaps for want of memory: start it again, with fewer "
    "--processes"
)

OnProgress = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is: of offsets while
the log is read, then of projections."""


def verify(  # noqa: PLR0913 -- what is asked, of whom, and by how many
    cluster: Cluster,
    codec: Codec,
    dsn: str,
    projections: Sequence[Projection],
    on_progress: OnProgress = lambda _phase, _done, _total: None,
    *,
    scope: Scope = EVERYTHING,
    workers: Workers = ALONE,
) -> list[Verified]:
    """Return what differs in each projection's tables; they are read in one snapshot.

    What is parked or was skipped is left out of the fold, as it is of the tables; what cannot be
    read and is neither is a difference. Every event is decoded whole, of whatever type: verifying
    relies on no projection's word for what it reads. Topics are read one after another by each of
    `workers`; what is held in memory does not grow with them.

    Raises:
        ConfigurationError: The database is not migrated, or a topic's head is gone.
        ServiceUnreachable: Kafka, the registry or PostgreSQL does not answer, or a process died.
    """
    with snapshot(dsn) as connection:
        cases = [case_of(connection, one) for one in projections if scope.includes(one)]
        looks = _looks(cluster, codec, cases, scope)
        at = {look.partition: look.start for look in looks}
        begun, total = sum(at.values()), sum(look.records for look in looks)

        def note(place: Partition, offset: int) -> None:
            at[place] = max(offset, at[place])
            on_progress("reading", sum(at.values()) - begun, total)

        looker = partial(Looker, cluster, dsn, shared(connection))
        done = [
            seen for some in spread(looks, looker, codec, workers, note, _DIED) for seen in some
        ]
        for case in cases:
            case.see(one for one in done if one.projection == case.projection.name)
        for number, case in enumerate(cases):
            on_progress(f"comparing {case.projection.name}", number, len(cases))
            _hold_the_rest(connection, case, scope)
        return [case.verified() for case in cases]


def _looks(cluster: Cluster, codec: Codec, cases: Sequence[Case], scope: Scope) -> list[Look]:
    """Return what is to be read, a partition each for all that read it."""
    target = _target(cases, scope)
    with History(cluster, codec) as history:
        history.require_heads(target if scope.since is None else {})
        for name, topic, number, offset in history.skipped(committed_ends(cluster, [FAILURES])):
            for case in cases:
                if case.projection.name == name:
                    case.leave_out((topic, number), offset)
        start = _start(history, target, scope)
    return [
        Look(
            partition=place,
            start=start[place],
            shares=tuple(case.share_of(place) for case in cases if place in case.checkpoints),
            scope=scope,
        )
        for place in sorted(target)
    ]


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


def _hold_the_rest(connection: Connection, case: Case, scope: Scope) -> None:
    """Hold what was folded over all topics against its tables; find rows of no topic."""
    screened = case.projection.name in SCREENED
    if screened and scope != EVERYTHING:
        return
    for name, expected in case.tables().items():
        whole, where = expected, scope.where(name)
        if screened:
            where = _of_no_topic(case)
        if scope.since is not None:
            whole = {key: row for key, row in expected.items() if "log_offset" in row}
        case.rows += len(whole)
        some = in_scope(differences(connection, name, whole, where), scope)
        case.found += islice(some, DIFFERENCES_MAX)


def _of_no_topic(case: Case) -> sql.Composable:
    if not case.projection.reads_logs:
        return sql.SQL("FALSE" if case.checkpoints else "TRUE")
    accounts = sorted({str(account_of(topic)) for topic, _ in case.checkpoints})
    return sql.SQL("account_name <> ALL ({})").format(sql.Literal(accounts))
