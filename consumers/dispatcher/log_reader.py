"""Reading the account's own log to its end, committed events only, from a snapshot if it can."""

import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from accounts.evolve import evolve
from accounts.state import AccountState
from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.evolve_code import evolve_code
from consumers.kafka import consume_batch, consumer_config, offset_of, unreachable
from consumers.logs import get_log
from consumers.offsets import high_watermark, watermarks
from consumers.snapshots import SnapshotIgnored, newest_snapshot, usable_state
from events.account import AccountOpened
from events.catalog import LOG_EVENTS, AnyEvent, LogEvent
from events.codec import Codec, Undecodable
from events.identifiers import AccountName
from events.topics import SNAPSHOTS, log_of

_BATCH: Final = 1000
_FETCH_WAIT_MS: Final = 20
_OPEN_TRANSACTION_MS_MAX: Final = 15_000


class AccountLog:
    """The account's log as its dispatcher reads it: from where it stands, to the end."""

    def __init__(
        self,
        cluster: Cluster,
        account: AccountName,
        codec: Codec,
        *,
        on_progress: Callable[[int, int], None] = lambda _at, _end: None,
        on_ignored: Callable[[str], None] | None = None,
        on_event: Callable[[AccountState, LogEvent], None] = lambda _before, _event: None,
    ) -> None:
        """Stand at the head of `account`'s log; nothing is read yet.

        Args:
            cluster: Where the log is.
            account: Whose log it is.
            codec: Knows the schemas.
            on_progress: Called while the log is read to its end, with the next offset and the end.
            on_ignored: Called with the reason where a snapshot is ignored; None writes a log line.
            on_event: Called with each event that is folded and the account before it.
        """
        evolve_code()  # hashed now: the source may be replaced under a process that lives on
        self.topic: Final = cluster.topic(log_of(account).name)
        self._snapshots = cluster.topic(SNAPSHOTS.name)
        self._on_progress = on_progress
        self._on_ignored = on_ignored or self._warn
        self._on_event = on_event
        self._snapshot_offset = 0
        # No fold asks what a gate said: as text it takes half the time.
        self._codec = codec.with_gates_as_text()
        # `assign` alone: the group name is never joined, so a reader disturbs nobody.
        group = f"{cluster.dispatchers_of(account)}.log"
        # The end of a log is known by an empty fetch: each place it is looked for waits as long.
        self._consumer = Consumer(
            consumer_config(
                cluster.bootstrap_servers, group, **{"fetch.wait.max.ms": _FETCH_WAIT_MS}
            )
        )
        self._bootstrap_servers = cluster.bootstrap_servers
        self._next_offset = 0
        self._state = AccountState()
        self._account = account

    @property
    def state(self) -> AccountState:
        """Return the account folded so far: committed events only, nobody's scratch."""
        return self._state

    @property
    def next_offset(self) -> int:
        """Return the offset after the last event that was read or written."""
        return self._next_offset

    @property
    def snapshot_offset(self) -> int:
        """Return the offset from which the log was read on, 0 where no snapshot was of use."""
        return self._snapshot_offset

    def wrote(self, state: AccountState, ends: dict[str, int]) -> None:
        """Take `state` for true: its events are committed, up to the offsets in `ends`."""
        self._state = state
        if self.topic in ends:
            # One more than the last event: the transaction's own marker.
            self._advance(ends[self.topic] + 1)

    def read_on(self, timeout_s: float = 0.0) -> None:
        """Fold what has come in since: what a standby does while it waits.

        Raises:
            ConfigurationError: A record is no event of this account's log.
        """
        batch = consume_batch(self._consumer, _BATCH, timeout_s)
        for message in batch.messages:
            event = event_of(message, self._account, self._codec)
            self._on_event(self._state, event)
            self._state = evolve(self._state, event)
            self._advance(offset_of(message) + 1)
        # Control records carry no event: only the end tells that they have been passed.
        for end in batch.ends.values():
            self._advance(end)

    def read_to_end(self, *, all_of_it: bool = False) -> AccountState:
        """Fold everything up to the end of this moment, and return the account.

        Where nothing is folded yet it begins with the account's newest snapshot, if that is of use.
        The end is the last stable offset: what an open transaction may yet add is not waited for.
        With `all_of_it` it is the high watermark: whoever has taken the seat has ended every open
        transaction by that, and must know what came of them.

        Raises:
            ServiceUnreachable: Kafka does not answer, or a transaction hangs.
            ConfigurationError: The log's head is gone, or a record in it is no event of ours.
        """
        low, end = watermarks(self._consumer, self.topic)
        if all_of_it:
            end = high_watermark(self._bootstrap_servers, self.topic)
        if low > 0:
            raise ConfigurationError(
                f"the head of {self.topic} is gone: it starts at offset {low}; this account "
                "cannot be folded from it. Restore the topic before trading goes on"
            )
        if self._next_offset == 0 < end:
            self._begin_with_snapshot(end)
        self._stand(self._next_offset)
        deadline = time.monotonic() + _OPEN_TRANSACTION_MS_MAX / 1000
        while self._next_offset < end:
            before = self._next_offset
            self.read_on(timeout_s=0.05)
            self._on_progress(min(self._next_offset, end), end)
            if self._next_offset > before:
                deadline = time.monotonic() + _OPEN_TRANSACTION_MS_MAX / 1000
            elif time.monotonic() > deadline:
                raise ServiceUnreachable(
                    f"{self.topic} cannot be read past offset {self._next_offset} of {end}: a "
                    "transaction hangs open, or Kafka does not answer"
                )
        return self._state

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()

    def _begin_with_snapshot(self, end: int) -> None:
        try:
            snapshot = newest_snapshot(self._consumer, self._snapshots, self._account, self._codec)
            if snapshot is None:
                return
            self._state = usable_state(
                snapshot, self._account, log_end=end, opened=self._first_event()
            )
        except SnapshotIgnored as ignored:
            self._on_ignored(str(ignored))
            return
        self._next_offset = self._snapshot_offset = snapshot.log_offset
        get_log(account_name=self._account).info(
            "snapshot_used", log_offset=snapshot.log_offset, log_end=end
        )

    def _first_event(self) -> AccountOpened | None:
        self._stand(0)
        deadline = time.monotonic() + _OPEN_TRANSACTION_MS_MAX / 1000
        while time.monotonic() < deadline:
            batch = consume_batch(self._consumer, 1, 0.05)
            for message in batch.messages:
                event = event_of(message, self._account, self._codec)
                return event if isinstance(event, AccountOpened) else None
            if batch.ends:
                return None
        raise SnapshotIgnored(f"the first event of {self.topic} cannot be read")

    def _warn(self, reason: str) -> None:
        get_log(account_name=self._account).warning("snapshot_ignored", reason=reason)

    def _advance(self, next_offset: int) -> None:
        self._next_offset = max(self._next_offset, next_offset)

    def _stand(self, offset: int) -> None:
        try:
            self._consumer.assign([TopicPartition(self.topic, 0, offset)])
        except KafkaException as error:
            raise unreachable(error) from error


def event_of(message: Message, account: AccountName, codec: Codec) -> LogEvent:
    """Return the event of `account` that a record of its log holds.

    Raises:
        ConfigurationError: It is no event of this account's log.
    """
    try:
        return _own(codec.decode(message.value()), account)
    except Undecodable as error:
        raise ConfigurationError(
            f"{message.topic()} offset {message.offset()} is no event of {account}: {error}. "
            "The account stands still, since what follows may depend on it: find out who "
            "wrote there"
        ) from error


def _own(event: AnyEvent, account: AccountName) -> LogEvent:
    if not isinstance(event, LOG_EVENTS):
        raise Undecodable(f"{type(event).__name__} has no place in an account's log")
    if event.envelope.account_name != account:
        raise Undecodable(f"it is an event of account {event.envelope.account_name}")
    return event
