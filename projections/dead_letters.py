"""`dead_letters`: what nobody could read or anybody refused, byte for byte."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from events.envelope import Origin
from events.topics import DEAD_LETTERS as TOPIC
from projections.dead_letter import DeadLetter, Headers
from projections.projection import Projection, Readable
from projections.stage import Json, Row, Stage, keep_first
from projections.texts import json_text

_BIGINT_MAX: Final = 2**63 - 1


class DeadLetterRow(NamedTuple):
    """One dead letter. What its headers do not say, or say unreadably, is null."""

    log_topic: str
    log_partition: int
    log_offset: int
    account_name: str | None
    reason: str | None
    error: str | None
    source_topic: str | None
    source_partition: int | None
    source_offset: int | None
    refused_at: datetime | None
    key: bytes | None
    value: bytes | None
    headers: Json


def rows(event: Readable, origin: Origin) -> Iterable[Row]:
    """Return the row of a dead letter; no header can make it fail."""
    if not isinstance(event, DeadLetter):
        return
    said = {name: _text(value) for name, value in event.headers}
    yield DeadLetterRow(
        log_topic=origin.topic,
        log_partition=origin.partition,
        log_offset=origin.offset,
        account_name=said.get("dlq.account"),
        reason=said.get("dlq.reason"),
        error=said.get("dlq.error"),
        source_topic=said.get("dlq.source.topic"),
        source_partition=_number(said.get("dlq.source.partition")),
        source_offset=_number(said.get("dlq.source.offset")),
        refused_at=_moment(said.get("dlq.at")),
        key=event.key,
        value=event.value,
        headers=headers_json(event.headers),
    )


def headers_json(headers: Headers) -> Json:
    """Return headers as a JSON array of [name, value in hexadecimal or null]."""
    return json_text([[name, None if value is None else value.hex()] for name, value in headers])


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit():
        return None
    number = int(text[:20])
    return number if number <= _BIGINT_MAX else None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


DEAD_LETTERS: Final = Projection(
    name="dead-letters",
    topics=frozenset({TOPIC.name}),
    events=frozenset({DeadLetter}),
    tables=("dead_letters",),
    stages=(
        Stage(
            name="stage_dead_letters",
            row=DeadLetterRow,
            merges=(
                keep_first(
                    "dead_letters",
                    "stage_dead_letters",
                    DeadLetterRow,
                    key=("log_topic", "log_partition", "log_offset"),
                    order="log_offset",
                ),
            ),
        ),
    ),
    rows=rows,
)
"""Every record of `dispatch.dead-letters`."""
