"""An account as it was: folded to exactly an offset of its log, or to a time."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from accounts.evolve import evolve
from accounts.state import AccountState
from consumers.account_history import history, opening_of
from consumers.account_states import Folded
from consumers.cluster import Cluster
from consumers.errors import NotFoundError
from consumers.scan import ends, reader
from consumers.snapshots import SnapshotIgnored, newest_snapshot, usable_state
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import SNAPSHOTS, log_of


def account_as_of(
    cluster: Cluster,
    account: AccountName,
    codec: Codec,
    point: int | datetime,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
) -> Folded | None:
    """Return the account as it was at `point` of its log; None when it has no log yet.

    An offset is the next one: every event before it is folded, and no other. This is what a
    decision stores as `seen.log`. A time ends the log behind its last event that occurred at that
    time or before; all before that is folded, so that the state is one that there was. (What a
    process says of itself is stamped by the wall clock, in a historical run as well.)

    Raises:
        NotFoundError: The log does not reach to that offset.
        ConfigurationError: A record is no event of this account.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    end = _end_reaching(cluster, account, point)
    if end is None:
        return None
    if isinstance(point, int):
        base = _base(cluster, account, codec, point)
        return _to_offset(cluster, account, codec, base, point, on_progress)
    base = _base(cluster, account, codec, end)
    found = _to_time(cluster, account, codec, base, point, on_progress)
    if found is None and base.log_offset:  # it lies before the snapshot
        found = _to_time(cluster, account, codec, _NOTHING, point, on_progress)
    return found or _NOTHING


def offset_as_of(
    cluster: Cluster,
    account: AccountName,
    codec: Codec,
    point: int | datetime,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
) -> int | None:
    """Return the next offset of the account's log at `point`; None when it has no log yet.

    A point is what it is for `account_as_of`, and so are the errors.
    """
    if _end_reaching(cluster, account, point) is None:
        return None
    if isinstance(point, int):
        return point
    found = 0
    for at, event in history(cluster, account, codec, on_progress):
        if event.envelope.occurred_at <= point:
            found = at + 1
    return found


def _end_reaching(cluster: Cluster, account: AccountName, point: int | datetime) -> int | None:
    name = log_of(account).name
    end = ends(cluster, [name])[name]
    if isinstance(point, int) and point > (end or 0):
        raise NotFoundError(
            f"{account} has no log yet: offset {point} is yet to come"
            if end is None
            else f"the log of {account} ends at offset {end}: {point} is yet to come"
        )
    return end


_NOTHING: Final = Folded(AccountState(), 0)


def _base(cluster: Cluster, account: AccountName, codec: Codec, log_end: int) -> Folded:
    """Return the account's newest snapshot if it is of `log_end` or before and fits, or nothing."""
    with reader(cluster) as consumer:
        try:
            snapshot = newest_snapshot(consumer, cluster.topic(SNAPSHOTS.name), account, codec)
            if snapshot is None or snapshot.log_offset > log_end:
                return _NOTHING
            opened = opening_of(cluster, account, codec)
            state = usable_state(snapshot, account, log_end=log_end, opened=opened)
        except SnapshotIgnored:
            return _NOTHING
    return Folded(state, snapshot.log_offset)


def _to_offset(
    cluster: Cluster,
    account: AccountName,
    codec: Codec,
    base: Folded,
    offset: int,
    on_progress: Callable[[int, int], None],
) -> Folded:
    state = base.state

    def progress(at: int, _end: int) -> None:
        on_progress(min(at, offset), offset)

    for at, event in history(cluster, account, codec, progress, start=base.log_offset):
        if at >= offset:
            break
        state = evolve(state, event)
    return Folded(state, offset)


def _to_time(
    cluster: Cluster,
    account: AccountName,
    codec: Codec,
    base: Folded,
    moment: datetime,
    on_progress: Callable[[int, int], None],
) -> Folded | None:
    state, found = base.state, None
    for at, event in history(cluster, account, codec, on_progress, start=base.log_offset):
        state = evolve(state, event)
        if event.envelope.occurred_at <= moment:
            found = Folded(state, at + 1)
    return found
