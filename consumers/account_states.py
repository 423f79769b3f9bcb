"""Accounts as their own logs tell them, for whoever wants to look."""

from accounts.state import AccountState
from consumers.dispatcher.log_reader import AccountLog
from consumers.scan import ends
from consumers.settings import Settings
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of


def folded(settings: Settings, account: AccountName, codec: Codec) -> AccountState | None:
    """Return the account folded from its whole log; None when it has no log yet.

    Raises:
        ConfigurationError: A record in the log is no event of the account.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    cluster = settings.kafka.cluster
    name = log_of(account).name
    if ends(cluster, [name])[name] is None:
        return None
    log = AccountLog(cluster, account, codec)
    try:
        return log.read_to_end()
    finally:
        log.close()
