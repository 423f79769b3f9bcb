"""Accounts as their own logs tell them, for whoever wants to look."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.state import AccountState
from consumers.dispatcher.log_reader import AccountLog
from consumers.scan import ends
from consumers.settings import Settings
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of


@dataclass(frozen=True, slots=True)
class Folded:
    """An account's state, and the next offset of its log there: the same offset, the same state."""

    state: AccountState
    log_offset: int


def folded(
    settings: Settings,
    account: AccountName,
    codec: Codec,
    *,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
    on_ignored: Callable[[str], None] | None = None,
) -> AccountState | None:
    """Return the account folded to its log's end, see `folded_to_end`; None when it has no log yet.

    Raises:
        ConfigurationError: A record in the log is no event of the account.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    found = folded_to_end(settings, account, codec, on_progress=on_progress, on_ignored=on_ignored)
    return None if found is None else found.state


def folded_to_end(
    settings: Settings,
    account: AccountName,
    codec: Codec,
    *,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
    on_ignored: Callable[[str], None] | None = None,
) -> Folded | None:
    """Return the account and where its log ends; None when it has no log yet.

    Args:
        settings: Where Kafka is.
        account: Whose log.
        codec: Knows the schemas.
        on_progress: Called with the next offset and the end, in offsets.
        on_ignored: Called with the reason where a snapshot is ignored; None writes a log line.

    Raises:
        ConfigurationError: A record in the log is no event of the account.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    cluster = settings.kafka.cluster
    name = log_of(account).name
    if ends(cluster, [name])[name] is None:
        return None
    log = AccountLog(cluster, account, codec, on_progress=on_progress, on_ignored=on_ignored)
    try:
        return Folded(log.read_to_end(), log.next_offset)
    finally:
        log.close()
