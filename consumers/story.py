"""What became of one recommendation, told from the logs alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Message

from consumers.cluster import Cluster
from consumers.errors import NotFoundError
from consumers.kafka import offset_of
from consumers.scan import scan
from consumers.settings import Settings
from events.catalog import AnyEvent
from events.codec import Codec, Undecodable
from events.identifiers import AccountName
from events.recommendation import RecommendationIssued
from events.topics import DEAD_LETTERS, RECOMMENDATIONS, log_of

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
    """All that is written about a recommendation, in the order in which each topic has it."""

    recommendation_id: int
    issued: tuple[Told, ...]
    accounts: dict[AccountName, tuple[Told, ...]]
    dead_letters: tuple[Refusal, ...]


def tell(
    settings: Settings,
    codec: Codec,
    recommendation_id: int,
    on_progress: Callable[[str, int, int], None] = lambda _topic, _at, _end: None,
) -> Story:
    """Read every log for one recommendation; the time it takes grows with the logs.

    Raises:
        NotFoundError: No record names it.
        ConfigurationError: A topic does not exist.
        ServiceUnreachable: Kafka or the registry does not answer.
    """
    cluster = settings.kafka.cluster

    def told(name: str) -> tuple[Told, ...]:
        def progress(at: int, end: int) -> None:
            on_progress(name, at, end)

        return tuple(
            Told(name, offset, event)
            for offset, event in _events(cluster, name, codec, progress)
            if _names(event, recommendation_id)
        )

    issued = told(RECOMMENDATIONS.name)
    accounts = {
        account.account: told(log_of(account.account).name)
        for account in settings.accounts.values()
    }
    places = {(told.topic, told.offset) for told in issued}
    dead_letters = tuple(_refusals(cluster, places))
    if not issued and not any(accounts.values()):
        raise NotFoundError(
            f"recommendation {recommendation_id} is in none of {len(accounts) + 1} logs: nobody "
            "has issued it, or its account is not in this configuration"
        )
    return Story(recommendation_id, issued, accounts, dead_letters)


def _events(
    cluster: Cluster, name: str, codec: Codec, on_progress: Callable[[int, int], None]
) -> Iterator[tuple[int, AnyEvent]]:
    for message in scan(cluster, name, on_progress):
        try:
            event = codec.decode(message.value())
        except Undecodable:  # it cannot name anything; its reader says so, not this story
            continue
        yield offset_of(message), event


def _names(event: AnyEvent, recommendation_id: int) -> bool:
    if isinstance(event, RecommendationIssued):
        return event.recommendation_id == recommendation_id
    envelope = getattr(event, "envelope", None)
    return envelope is not None and envelope.recommendation_id == recommendation_id


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
