"""A record as a projection gets it: decoded if it can be, its bytes kept in any case."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from events.catalog import LOG_EVENTS, AnyEvent
from events.codec import Codec, Undecodable
from events.envelope import Origin
from events.identifiers import AccountName
from events.quick import quick
from events.topics import DEAD_LETTERS, account_of_log
from projections.dead_letter import DeadLetter, Headers

_LOG_EVENTS = frozenset(LOG_EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of Kafka: its `event`, or why it is `unreadable`, or that it was passed over.

    `passed_over` is the type of an event that nobody here reads; then its body was not decoded.
    Of what is `unreadable`, `named` is the type of a log's event that its head names, if it does.
    """

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: Headers
    event: AnyEvent | DeadLetter | None
    unreadable: str | None = None
    passed_over: type[AnyEvent] | None = None
    named: type[AnyEvent] | None = None

    @property
    def event_type(self) -> str | None:
        """The event's type, by its name."""
        if self.passed_over is not None:
            return self.passed_over.__name__
        return None if self.event is None else type(self.event).__name__


_record = quick(Record)


@lru_cache(maxsize=4096)
def account_of(topic: str) -> AccountName | None:
    """Return whose log `topic` is; None when it is nobody's, a misspelt account's included."""
    try:
        return account_of_log(topic)
    except ValueError:
        return None


def read_record(
    codec: Codec,
    origin: Origin,
    *,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    wanted: frozenset[type] | None = None,
) -> Record:
    """Return the record at `origin`, decoded; passed over where its type is not `wanted`.

    In an account's log only events of that very account can be read: its log alone speaks for it.
    Raises whatever says that the registry cannot answer; the bytes are not to blame then.
    """
    if origin.topic == DEAD_LETTERS.name:
        letter = DeadLetter(key=key, value=value, headers=headers)
        return _record(origin=origin, key=key, value=value, headers=headers, event=letter)
    event: AnyEvent | None = None
    unreadable: str | None = None
    named: type[AnyEvent] | None = None
    account = account_of(origin.topic)
    try:
        if account is not None:
            kind = codec.type_of(value)
            if kind in _LOG_EVENTS:
                named = kind
                if wanted is not None and kind not in wanted:
                    return _record(
                        origin=origin,
                        key=key,
                        value=value,
                        headers=headers,
                        event=None,
                        passed_over=kind,
                    )
        event = codec.decode(value)
    except Undecodable as error:
        unreadable = str(error)
    if event is not None and account is not None:
        unreadable = _stranger(event, account)
    return _record(
        origin=origin,
        key=key,
        value=value,
        headers=headers,
        event=None if unreadable else event,
        unreadable=unreadable,
        named=named if unreadable else None,
    )


def read_on(codec: Codec, record: Record, wanted: frozenset[type]) -> Record:
    """Return `record`, decoded now where its type was passed over and is `wanted` after all.

    Its schema is known, as its type is: nobody is asked.
    """
    if record.passed_over is None or record.passed_over not in wanted:
        return record
    return read_record(
        codec, record.origin, key=record.key, value=record.value, headers=record.headers
    )


def _stranger(event: Any, account: AccountName) -> str | None:  # noqa: ANN401 -- any event
    if type(event) not in _LOG_EVENTS:
        return f"{type(event).__name__} has no place in an account's log"
    named: str = event.envelope.account_name
    if named != account:
        return f"{type(event).__name__} names account {named!r} in the log of {account!r}"
    return None
