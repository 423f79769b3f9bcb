"""A record that was refused, as the dead letter that keeps it: raw bytes, reason, origin."""

from datetime import datetime
from hashlib import sha256
from typing import Final, cast

from confluent_kafka import Message

from accounts.decide import plain_text
from consumers.dispatcher.seat import Record
from events.envelope import Origin
from events.topics import DEAD_LETTERS, RECORD_BYTES_MAX

DEAD_LETTER_BYTES_MAX: Final = RECORD_BYTES_MAX - 64 * 1024
"""Leaves room for the story in the headers."""


def dead_letter(
    message: Message, origin: Origin, refusal: str, account: str, now: datetime
) -> Record:
    """Return the dead letter of `message`, which `account` read at `origin` and refused."""
    reason = plain_text(refusal)
    headers = {
        "dlq.reason": "undecodable" if reason.startswith("undecodable") else "refused",
        "dlq.error": reason,
        "dlq.account": account,
        "dlq.source.topic": origin.topic,
        "dlq.source.partition": str(origin.partition),
        "dlq.source.offset": str(origin.offset),
        "dlq.at": now.isoformat(),
    }
    value, key = _bytes(message.value()) or b"", _bytes(message.key())
    headers_read = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    own = [(name, text or b"") for name, text in headers_read]
    if sum(map(len, (value, key or b"", *(text for _, text in own)))) > DEAD_LETTER_BYTES_MAX:
        # It stays where it was read; what it was can be told from this.
        headers |= {"dlq.size": str(len(value)), "dlq.sha256": sha256(value).hexdigest()}
        value, key, own = b"", None, []
    told = [(name, text.encode()) for name, text in headers.items()]
    return Record(DEAD_LETTERS.name, value, key, tuple(own + told))


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
