"""The account's commands as its dispatcher reads them: from where it stands, as they come."""

from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.kafka import consume_batch, consumer_config, offset_of, unreachable
from consumers.logs import get_log
from consumers.offsets import watermarks
from events.identifiers import AccountName
from events.topics import commands_of

_BATCH: Final = 100
_SILENT_TURNS_MAX: Final = 100


class CommandLog:
    """A consumer of its own, without a group: every dispatcher that has the seat reads for itself.

    librdkafka fetches in the background, so that a look costs the loop microseconds.
    """

    def __init__(self, cluster: Cluster, account: AccountName) -> None:
        """Know where the commands are; nothing is read yet."""
        self.topic: Final = cluster.topic(commands_of(account).name)
        group = f"{cluster.dispatchers_of(account)}.commands"
        self._consumer = Consumer(
            consumer_config(cluster.bootstrap_servers, group, **{"fetch.wait.max.ms": 500})
        )
        self._next_offset = 0

    @property
    def next_offset(self) -> int:
        """Return the offset after the last command that was read."""
        return self._next_offset

    def read_to_end(self, start: int) -> list[Message]:
        """Return all that is kept, though everything before `start` has been answered once.

        Commands are kept for days, answers for ever: what was answered is known by its id. In a
        topic that was made anew, or restored without its end, what stands before `start` may be a
        command that nobody has read.

        Raises:
            ServiceUnreachable: Kafka does not answer.
        """
        low, end = watermarks(self._consumer, self.topic)
        if start > end:
            get_log().warning("commands_made_anew", topic=self.topic, next_offset=start, end=end)
        self._next_offset = low
        try:
            self._consumer.assign([TopicPartition(self.topic, 0, self._next_offset)])
        except KafkaException as error:
            raise unreachable(error) from error
        found: list[Message] = []
        silent = 0
        while self._next_offset < end:
            before = self._next_offset
            found += self.read_on(timeout_s=0.05)
            silent = silent + 1 if self._next_offset == before else 0
            if silent > _SILENT_TURNS_MAX:
                raise ServiceUnreachable(
                    f"{self.topic} cannot be read past offset {before} of {end}: does Kafka answer?"
                )
        return found

    def read_on(self, timeout_s: float = 0.0) -> list[Message]:
        """Return what has come in since."""
        batch = consume_batch(self._consumer, _BATCH, timeout_s)
        for message in batch.messages:
            self._next_offset = max(self._next_offset, offset_of(message) + 1)
        for end in batch.ends.values():
            self._next_offset = max(self._next_offset, end)
        return batch.messages

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()
