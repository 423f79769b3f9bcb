"""What became of one recommendation, told from the logs alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from consumers.account_history import opening_of
from consumers.cluster import Cluster
from consumers.errors import NotFoundError
from consumers.kafka import offset_of
from consumers.scan import first_offset_at, scan
from consumers.seats import decided_to, seat_of
from consumers.settings import Settings
from consumers.settings_account import AccountSettings
from events.catalog import AnyEvent
from events.codec import Codec, Undecodable
from events.decision import RecommendationDeclined, RecommendationFailed
from events.identifiers import AccountName
from events.order import OrderIntended
from events.recommendation import RecommendationIssued
from events.topics import DEAD_LETTERS, RECOMMENDATIONS, log_of

OnProgress = Callable[[str, int, int], None]
"""Told a topic's plain name, the next offset and the end."""

CLOCKS_APART_MS_MAX: Final = 3_600_000
"""How far the clocks of those who write to Kafka may differ before a log is read from its head."""

_SOURCE: Final = "dlq.source."


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the story, and where it stands."""

    topic: str
    offset: int
    event: AnyEvent


@dataclass(frozen=True, slots=True)
class Refusal:
    """A dead letter that holds the recommendation; `headers` as text."""

    offset: int
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Story:
    """All that is written about a recommendation, in the order in which each topic has it.

    `silent` says of each account that has not decided why that is so.
    """

    recommendation_id: int
    issued: tuple[Told, ...]
    accounts: dict[AccountName, tuple[Told, ...]]
    dead_letters: tuple[Refusal, ...]
    silent: dict[AccountName, str] = field(default_factory=dict)


def tell(
    settings: Settings,
    codec: Codec,
    recommendation_id: int,
    on_progress: OnProgress = lambda _topic, _at, _end: None,
    accounts: Sequence[AccountSettings] | None = None,
) -> Story:
    """Search the logs of `accounts` (None: all that are configured) for one recommendation.

    An account's log is read from where it was when the recommendation was written, and from its
    head where no decision is found behind that. Only records that can name it are decoded.

    Raises:
        NotFoundError: No record names it.
        ConfigurationError: A topic does not exist.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    search = _Search(settings.kafka.cluster, codec, recommendation_id, on_progress)
    asked = list(settings.accounts.values()) if accounts is None else accounts
    issued, written_ms = search.issued()
    logs = {one.account: search.told(one.account, written_ms) for one in asked}
    places = {(told.topic, told.offset) for told in issued}
    dead_letters = tuple(_refusals(search.cluster, places))
    if not issued and not any(logs.values()):
        raise NotFoundError(
            f"recommendation {recommendation_id} is in none of {len(logs) + 1} logs: nobody "
            "has issued it, or its account is not in this configuration"
        )
    silent = {
        account: _why_silent(search.cluster, codec, account, issued)
        for account, told in logs.items()
        if not told
    }
    return Story(recommendation_id, issued, logs, dead_letters, silent)


@dataclass(frozen=True, slots=True)
class _Search:
    cluster: Cluster
    codec: Codec
    recommendation_id: int
    on_progress: OnProgress

    def issued(self) -> tuple[tuple[Told, ...], int | None]:
        """Return the recommendation as it was issued, and when Kafka got it first (ms)."""
        found, written_ms = [], []
        for message, told in self._about(RECOMMENDATIONS.name, 0):
            found.append(told)
            kind, at_ms = message.timestamp()
            if kind != TIMESTAMP_NOT_AVAILABLE:
                written_ms.append(at_ms)
        return tuple(found), min(written_ms, default=None)

    def told(self, account: AccountName, written_ms: int | None) -> tuple[Told, ...]:
        """Return what the account's log says of it."""
        name = log_of(account).name
        start = 0
        if written_ms is not None:
            start = first_offset_at(self.cluster, name, written_ms - CLOCKS_APART_MS_MAX)
        found = tuple(told for _, told in self._about(name, start))
        if start and not any(isinstance(told.event, _DECISIONS) for told in found):
            return tuple(told for _, told in self._about(name, 0))
        return found

    def _about(self, name: str, start: int) -> Iterator[tuple[Message, Told]]:
        mark = as_avro_long(self.recommendation_id)

        def progress(at: int, end: int) -> None:
            self.on_progress(name, at, end)

        for message in scan(self.cluster, name, progress, start=start):
            value = message.value()
            if value is None or mark not in _bytes(value):
                continue
            try:
                event = self.codec.decode(value)
            except Undecodable:  # it cannot name anything; its reader says so, not this story
                continue
            if _names(event, self.recommendation_id):
                yield message, Told(name, offset_of(message), event)


_DECISIONS: Final = (OrderIntended, RecommendationDeclined, RecommendationFailed)


def as_avro_long(number: int) -> bytes:
    """Return how Avro writes a long, in every schema: zigzag, seven bits to a byte, lowest first.

    A record without these bytes cannot name the recommendation, whatever else it is.
    """
    left, found = number << 1, bytearray()
    while left > 0x7F:  # noqa: PLR2004 -- seven bits
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _names(event: AnyEvent, recommendation_id: int) -> bool:
    if isinstance(event, RecommendationIssued):
        return event.recommendation_id == recommendation_id
    envelope = getattr(event, "envelope", None)
    return envelope is not None and envelope.recommendation_id == recommendation_id


def _why_silent(
    cluster: Cluster, codec: Codec, account: AccountName, issued: Iterable[Told]
) -> str:
    opened = opening_of(cluster, account, codec)
    if opened is None:
        return "it has never run"
    offsets = [told.offset for told in issued]
    if not offsets:
        return "the recommendation is not in its topic any more"
    if max(offsets) < opened.first_offset:
        return (
            f"its story begins later: it was opened at offset {opened.first_offset} of the "
            f"recommendations, and this one is at {max(offsets)}"
        )
    decided = decided_to(cluster, account)
    if min(offsets) < decided:
        return "it has passed the record by: what it was refused for is a dead letter"
    waiting = f"{min(offsets) - max(decided, opened.first_offset)} offsets are before it"
    if seat_of(cluster, account).holder is None:
        return f"it waits, and nobody runs the account; {waiting}"
    return f"it waits; {waiting}"


def _refusals(cluster: Cluster, places: set[tuple[str, int]]) -> list[Refusal]:
    found = []
    for message in scan(cluster, DEAD_LETTERS.name):
        headers = _as_text(message)
        source = (headers.get(_SOURCE + "topic", ""), headers.get(_SOURCE + "offset", ""))
        if any(source == (topic, str(offset)) for topic, offset in places):
            found.append(Refusal(offset_of(message), headers))
    return found


def _as_text(message: Message) -> dict[str, str]:
    headers: Any = message.headers() or []  # its type covers what only producers are given
    return {name: (value or b"").decode(errors="replace") for name, value in headers}
