"""Following one account's log as it grows, and counting for ourselves what it says."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from accounts.evolve import evolve
from accounts.state import AccountState
from consumers.cluster import Cluster
from consumers.kafka import consume_batch, consumer_config, offset_of
from consumers.offsets import end_offset
from events.catalog import LOG_EVENTS, AnyEvent
from events.codec import Codec
from events.decision import RecommendationDeclined, RecommendationFailed
from events.identifiers import AccountName
from events.order import OrderCanceled, OrderExpired, OrderFilled, OrderIntended, OrderRejected
from events.topics import log_of

_BATCH: Final = 5000


@dataclass(slots=True)
class Tally:
    """What an account's log says, counted event by event and independently of its fold."""

    intended: Counter[int] = field(default_factory=Counter)
    decided: set[int] = field(default_factory=set)
    ended: dict[int, str] = field(default_factory=dict)
    declined_by: Counter[str] = field(default_factory=Counter)
    filled: set[str] = field(default_factory=set)

    def add(self, event: AnyEvent) -> None:
        """Count one event."""
        match event:
            case OrderIntended():
                self.intended[event.envelope.recommendation_id or 0] += 1
                self.decided.add(event.envelope.recommendation_id or 0)
            case RecommendationDeclined():
                self.declined_by[event.declined_by[0]] += 1
                self._end(event.envelope.recommendation_id, "declined")
            case RecommendationFailed():
                self._end(event.envelope.recommendation_id, "failed")
            case OrderFilled():
                self.filled.add(event.client_order_id)
                self._end(event.envelope.recommendation_id, "executed")
            case OrderRejected():
                self._end(event.envelope.recommendation_id, "rejected")
            case OrderCanceled() | OrderExpired():
                if not event.cumulative_quantity:
                    self._end(event.envelope.recommendation_id, "expired")
            case _:
                pass

    def ends(self) -> Counter[str]:
        """Return how many recommendations ended in each way."""
        return Counter(self.ended.values())

    def _end(self, recommendation: int | None, how: str) -> None:
        if recommendation is not None:
            self.decided.add(recommendation)
            self.ended.setdefault(recommendation, how)


class Follower:
    """One account's log, read as it grows."""

    def __init__(self, cluster: Cluster, account: AccountName, codec: Codec) -> None:
        """Begin at the head."""
        self.state = AccountState()
        self.tally = Tally()
        self._codec = codec
        group = cluster.group("dispatcher-demo")
        self._consumer = Consumer(
            {**consumer_config(cluster.bootstrap_servers, group), "log_level": 0}
        )
        self._topic = cluster.topic(log_of(account).name)
        self._consumer.assign([TopicPartition(self._topic, 0, 0)])
        self._next_offset = 0

    def read(self, timeout_s: float = 0.05) -> None:
        """Take up what is there by now, waiting up to `timeout_s` for the first event."""
        batch = consume_batch(self._consumer, _BATCH, timeout_s)
        for message in batch.messages:
            event = self._codec.decode(message.value())
            self.tally.add(event)
            if isinstance(event, LOG_EVENTS):
                self.state = evolve(self.state, event)
            self._next_offset = offset_of(message) + 1
        self._next_offset = max([self._next_offset, *batch.ends.values()])

    def read_to_end(self) -> None:
        """Read everything that is there at this moment."""
        end = end_offset(self._consumer, self._topic)
        while self._next_offset < end:
            self.read(timeout_s=0.5)

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()
