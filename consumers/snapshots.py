"""Snapshots of accounts as their readers see them: the newest, or none and the reason why.

Always disposable: whatever is odd about one costs time, never the truth.
"""

from hashlib import sha256
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from accounts.snapshot import dump, load
from accounts.state import AccountState
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.evolve_code import evolve_code
from consumers.kafka import consume_batch, offset_of
from consumers.offsets import bounds_if_there
from events.account import AccountOpened
from events.codec import Codec, Undecodable, expect
from events.identifiers import AccountName
from events.snapshot import AccountSnapshot

_FIRST_REACH: Final = 16
_REACH_FACTOR: Final = 8
_BATCH: Final = 16
_SILENT_POLLS_MAX: Final = 50
_POLL_S: Final = 0.1


class SnapshotIgnored(Exception):  # noqa: N818 -- says what becomes of it
    """This snapshot is not to be gone on from: the sentence says why."""


def snapshot_of(state: AccountState, log_offset: int) -> AccountSnapshot | None:
    """Return the snapshot of `state`, which holds every event before `log_offset`.

    None for an account that was never opened: there is nothing to tell its log by.
    """
    if state.opened is None:
        return None
    text = dump(state)
    return AccountSnapshot(
        account_name=state.opened.envelope.account_name,
        opened_event_id=state.opened.envelope.event_id,
        log_offset=log_offset,
        evolve_code=evolve_code(),
        state=text,
        checksum=_checksum(text),
    )


def usable_state(
    snapshot: AccountSnapshot, account: AccountName, *, log_end: int, opened: AccountOpened | None
) -> AccountState:
    """Return the state in `snapshot`, if the log of `account` can be gone on with from it.

    Args:
        snapshot: What the topic has.
        account: Whose state is wanted.
        log_end: Where the account's log ends now.
        opened: The log's first event; None where that is another one.

    Raises:
        SnapshotIgnored: It cannot.
    """
    if snapshot.account_name != account:
        raise SnapshotIgnored(f"it is of account {snapshot.account_name}")
    if _checksum(snapshot.state) != snapshot.checksum:
        raise SnapshotIgnored("it is damaged: its checksum does not fit")
    if snapshot.evolve_code != evolve_code():
        raise SnapshotIgnored(
            f"other code has folded it ({snapshot.evolve_code}, this build is {evolve_code()})"
        )
    if not 0 < snapshot.log_offset <= log_end:
        raise SnapshotIgnored(
            f"it ends at offset {snapshot.log_offset}, the log at {log_end}: was the log made anew?"
        )
    try:
        state = load(snapshot.state)
    except ValueError as error:
        raise SnapshotIgnored(f"its state cannot be read: {error}") from error
    # The id of an account's opening is the same in every log of that name: compare all of it.
    if (
        opened is None
        or state.opened != opened
        or snapshot.opened_event_id != opened.envelope.event_id
    ):
        raise SnapshotIgnored("it is of another log: that one was opened by another AccountOpened")
    return state


def newest_snapshot(
    consumer: Consumer, topic: str, account: AccountName, codec: Codec
) -> AccountSnapshot | None:
    """Return the newest snapshot of `account` in `topic`, None when there is none.

    `consumer` is assigned to `topic` by this. The topic is read from its end backwards, so that
    what other accounts or compaction left there costs little.

    Raises:
        SnapshotIgnored: The newest one cannot be decoded, or Kafka does not hand it out.
    """
    try:
        value = _newest_value(consumer, topic, account.encode())
        if value is None:
            return None
        return expect(codec.decode(value), AccountSnapshot, topic)
    except Undecodable as error:
        raise SnapshotIgnored(f"it cannot be decoded: {error}") from error
    except (ConfigurationError, ServiceUnreachable) as error:
        raise SnapshotIgnored(f"{topic} cannot be read: {error}") from error


def _newest_value(consumer: Consumer, topic: str, key: bytes) -> bytes | None:
    low, stop = bounds_if_there(consumer, topic) or (0, 0)
    reach = _FIRST_REACH
    while stop > low:
        start = max(low, stop - reach)
        found = _last_of(consumer, TopicPartition(topic, 0, start), stop, key)
        if found is not None:
            return found
        stop, reach = start, reach * _REACH_FACTOR
    return None


def _last_of(consumer: Consumer, start: TopicPartition, stop: int, key: bytes) -> bytes | None:
    consumer.assign([start])
    found: bytes | None = None
    at, silent = start.offset, 0
    while at < stop:
        batch = consume_batch(consumer, _BATCH, _POLL_S)
        for message in batch.messages:
            offset = offset_of(message)
            if offset < stop and message.key() == key:
                found = message.value()
            at = max(at, offset + 1)
        at = max([at, *batch.ends.values()])
        silent = 0 if batch.messages or batch.ends else silent + 1
        if silent > _SILENT_POLLS_MAX:
            raise ServiceUnreachable(f"it cannot be read past offset {at} of {stop}")
    return found


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()
