"""Since when advice waits for the broker's rate budget, and the word that is left of it.

The budget comes back in small change: room for one order, gone in the same moment. So a wait has
ended when nothing is held any more, or when there has been room for a while.
"""

from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumers.clock import Clock, SystemClock
from consumers.kafka import sentence
from consumers.logs import get_log
from consumers.waiting import Wait, WaitReason, as_text
from events.identifiers import AccountName

TOLD_AFTER_S: Final = 1.0
"""How long a wait has lasted when it is told of: what is over sooner is nobody's concern."""

ENDED_AFTER_S: Final = 3.0
"""How long there has been room for orders when a wait is over though advice is held."""

TOLD_AGAIN_S: Final = 10.0
"""How often a wait is told of while no decision carries the word: Kafka may have missed it."""


class Waiting:
    """One seat's wait. Nothing here holds up or lets through: that is done by who counts."""

    def __init__(self, account: AccountName, topic: str, by: str, clock: Clock) -> None:
        """Wait for nothing yet; `topic` is Kafka's name of what is read, `by` our own."""
        self._topic = topic
        self._by = by
        self._say = get_log(account_name=account)
        self._elapsed_s = clock.elapsed_s
        self._offset = 0
        self._wait: Wait | None = None
        self._began_s = 0.0
        self._room_since_s: float | None = None
        self._told = ""
        self._told_s = 0.0

    def begin(self, offset: int) -> None:
        """Know that everything before `offset` is decided."""
        self._offset = offset

    def look(self, *, has_room: bool, held: int) -> None:
        """Take up whether there is room for an order, and how many recommendations are held."""
        now_s = self._elapsed_s()
        if held and not has_room:
            self._room_since_s = None
            if self._wait is None:
                since = SystemClock().now()
                self._wait = Wait(reason=WaitReason.RATE_BUDGET, since=since, by=self._by)
                self._began_s = now_s
                self._say.info("waiting_for_the_rate_budget", held=held)
            return
        if self._room_since_s is None:
            self._room_since_s = now_s
        if not held or now_s - self._room_since_s >= ENDED_AFTER_S:
            self._wait = None

    def beside(self, offset: int) -> TopicPartition:
        """Return `offset` as the next decision commits it, with the word that goes with it."""
        return TopicPartition(self._topic, 0, offset, self._word())

    def decided(self, position: TopicPartition) -> None:
        """Know that `position`, made by `beside`, is committed."""
        self._offset = position.offset
        self._have_told(position.metadata or "")

    def tell(self, consumer: Consumer) -> None:
        """Leave word where it has changed and no decision has carried it: the same offset again.

        It is asked of Kafka beside the loop, and is worth no failure.
        """
        word = self._word()
        again = bool(word) and self._elapsed_s() - self._told_s >= TOLD_AGAIN_S
        if word == self._told and not again:
            return
        self._have_told(word)
        try:
            consumer.commit(offsets=[TopicPartition(self._topic, 0, self._offset, word)])
        except KafkaException as error:
            self._say.warning("wait_not_told", error=sentence(error))

    def _word(self) -> str:
        if self._wait is None or self._elapsed_s() - self._began_s < TOLD_AFTER_S:
            return ""
        return as_text(self._wait)

    def _have_told(self, word: str) -> None:
        self._told, self._told_s = word, self._elapsed_s()
