"""Recommendations as they are read: decoded once, held until their transaction has committed."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from confluent_kafka import Message

from consumers.errors import ServiceUnreachable
from consumers.kafka import offset_of, partition_of
from consumers.logs import get_log
from events.codec import Codec, Undecodable, expect
from events.envelope import Origin
from events.recommendation import RecommendationIssued
from events.sanity import nonsense
from events.topics import RECOMMENDATIONS

REGISTRY_PAUSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record: a recommendation that has sense, or the reason why it is a dead letter."""

    message: Message
    origin: Origin
    recommendation: RecommendationIssued | None
    refusal: str | None


class Intake:
    """What was read and not yet decided for good.

    A batch is looked at, and dropped only after its transaction has committed: an aborted one is
    simply taken again.
    """

    def __init__(self, codec: Codec, *, whole_moments: bool) -> None:
        """Hold nothing; with `whole_moments` a batch is all records of one ``issued_at``."""
        self._codec = codec
        self._whole_moments = whole_moments
        self._raw: deque[Message] = deque()
        self._decoded: deque[Incoming] = deque()
        self._read_to = 0
        self._registry_asked_again_at = 0.0

    def __len__(self) -> int:
        """Return how many records are held."""
        return len(self._raw) + len(self._decoded)

    @property
    def read_to(self) -> int:
        """Return the offset up to which the topic has been read."""
        return self._read_to

    def clear(self, read_to: int) -> None:
        """Forget everything: reading starts again at `read_to`."""
        self._raw.clear()
        self._decoded.clear()
        self._read_to = read_to

    def add(self, messages: Iterable[Message]) -> None:
        """Take up records in the order they were read."""
        for message in messages:
            self._raw.append(message)
            self._read_to = max(self._read_to, offset_of(message) + 1)

    def reached(self, end: int) -> None:
        """Know that there is nothing up to offset `end` that has not been added."""
        self._read_to = max(self._read_to, end)

    def batch(self, records_max: int, *, ended: bool) -> list[Incoming]:
        """Return the next batch, an empty one while it may still grow.

        With whole moments a batch is closed by a later recommendation, or because `ended` says
        that none will come. A record whose schema the registry cannot tell waits, and all behind
        it.
        """
        self._decode_on()
        if not self._whole_moments:
            return [self._decoded[i] for i in range(min(records_max, len(self._decoded)))]
        return self._one_moment(ended=ended)

    def _decode_on(self) -> None:
        if time.monotonic() < self._registry_asked_again_at:
            return
        while self._raw:
            try:
                self._decoded.append(self._decode(self._raw[0]))
            except ServiceUnreachable as error:
                # What is decoded goes on; what has an unknown id waits for the registry.
                get_log().warning("registry_unavailable", error=str(error))
                self._registry_asked_again_at = time.monotonic() + REGISTRY_PAUSE_S
                return
            self._raw.popleft()

    def drop(self, count: int) -> None:
        """Let go of the first `count` records: their transaction has committed."""
        for _ in range(count):
            self._decoded.popleft()

    def _one_moment(self, *, ended: bool) -> list[Incoming]:
        batch: list[Incoming] = []
        moment: datetime | None = None
        for incoming in self._decoded:
            recommendation = incoming.recommendation
            if recommendation is not None:
                moment = moment or recommendation.issued_at
                if recommendation.issued_at != moment:
                    return batch
            batch.append(incoming)
        return batch if ended and not self._raw else []

    def _decode(self, message: Message) -> Incoming:
        partition = partition_of(message)[1]
        origin = Origin(topic=RECOMMENDATIONS.name, partition=partition, offset=offset_of(message))
        try:
            event = self._codec.decode(message.value())
            recommendation = expect(event, RecommendationIssued, RECOMMENDATIONS.name)
        except Undecodable as error:
            return Incoming(message, origin, None, f"undecodable: {error}")
        refusal = nonsense(recommendation)
        return Incoming(message, origin, None if refusal else recommendation, refusal)
