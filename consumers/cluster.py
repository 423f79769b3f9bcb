"""Which Kafka, and which corner of it: the only place that knows how topics are really named.

Everywhere else a topic has its plain name. The prefix lets several systems share one Kafka.
"""

from dataclasses import dataclass

from events.identifiers import AccountName
from events.topics import dispatcher_group


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka and the prefix of every topic, group and transactional id of ours in it."""

    bootstrap_servers: str
    prefix: str = ""

    def topic(self, name: str) -> str:
        """Return the topic's name in Kafka."""
        return f"{self.prefix}{name}"

    def plain(self, topic: str) -> str:
        """Return the plain name of a topic in Kafka."""
        return topic.removeprefix(self.prefix)

    def group(self, name: str) -> str:
        """Return a consumer group's name in Kafka."""
        return f"{self.prefix}{name}"

    def dispatchers_of(self, account: AccountName) -> str:
        """Return the group, and the transactional id, of an account's dispatchers."""
        return self.group(dispatcher_group(account))
