"""All that is known of one account: from its log, its limits, its group in Kafka."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from consumers.account_states import Folded, folded_to_end
from consumers.as_of import account_as_of
from consumers.clock import SystemClock
from consumers.seats import Backlog, Seat, backlog_of, seat_of
from consumers.settings import Settings
from consumers.settings_account import AccountSettings
from consumers.settings_limits import PresentLimits, present_limits
from events.codec import Codec


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """One account, as it is or as it was at `as_of`; `folded` is None before its first run.

    `now` is the time that its day goes by: the recommendations' in a historical run. `seat` and
    `backlog` (recommendations that wait) are of this moment, None where the past was asked for.
    """

    account: AccountSettings
    folded: Folded | None
    limits: PresentLimits
    now: datetime
    as_of: int | datetime | None = None
    seat: Seat | None = None
    backlog: Backlog | None = None

    @property
    def undecided(self) -> int | None:
        """How many recommendations wait."""
        return None if self.backlog is None else self.backlog.records


def account_facts(
    settings: Settings,
    account: AccountSettings,
    codec: Codec,
    *,
    as_of: int | datetime | None = None,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
    on_ignored: Callable[[str], None] | None = None,
) -> AccountFacts:
    """Return what is known of `account`, now or at an offset of its log or a time.

    Raises:
        NotFoundError: The log does not reach to the offset.
        ConfigurationError: A record in the log is no event of the account, or its limits cannot
            be read.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    cluster = settings.kafka.cluster
    if as_of is None:
        folded = folded_to_end(
            settings, account.account, codec, on_progress=on_progress, on_ignored=on_ignored
        )
    else:
        folded = account_as_of(cluster, account.account, codec, as_of, on_progress)
    state = None if folded is None else folded.state
    version = None if state is None else state.version
    now = SystemClock().now()
    if isinstance(as_of, datetime):
        now = as_of
    elif state is not None and state.clock_at is not None:
        past = as_of is not None or account.clock == "historical"
        now = state.clock_at if past else now
    facts = AccountFacts(
        account=account,
        folded=folded,
        limits=present_limits(account, None if version is None else version.limits),
        now=now,
        as_of=as_of,
    )
    if as_of is not None:
        return facts
    decided = 0 if state is None else state.next_recommendation_offset
    seat = seat_of(cluster, account.account)
    waits = None if state is None else backlog_of(cluster, account.account, decided, seat)
    return replace(facts, seat=seat, backlog=waits)
