"""An account's log as a story: each event with its offset."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from consumers.cluster import Cluster
from consumers.dispatcher.log_reader import event_of
from consumers.kafka import offset_of
from consumers.scan import ends, scan
from events.account import AccountOpened
from events.catalog import LogEvent
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to before `end`; None: no bound."""

    start: datetime | None = None
    end: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Say whether `at` lies in it."""
        return (self.start is None or at >= self.start) and (self.end is None or at < self.end)


def history(
    cluster: Cluster,
    account: AccountName,
    codec: Codec,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
    *,
    start: int = 0,
) -> Iterator[tuple[int, LogEvent]]:
    """Yield the account's committed events from `start` on, with their offsets.

    Nothing where it has no log.

    Raises:
        ConfigurationError: A record is no event of this account.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    name = log_of(account).name
    if ends(cluster, [name])[name] is None:
        return
    for message in scan(cluster, name, on_progress, start=start):
        yield offset_of(message), event_of(message, account, codec)


def opening_of(cluster: Cluster, account: AccountName, codec: Codec) -> AccountOpened | None:
    """Return the first event of the account's log, None where there is none; see `history`."""
    first = next(history(cluster, account, codec), None)
    return first[1] if first is not None and isinstance(first[1], AccountOpened) else None
