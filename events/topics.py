"""Every topic as data: its name, how many partitions, what it keeps."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from events.identifiers import AccountName, account_name

DAY_MS: Final = 24 * 60 * 60 * 1000
FOREVER: Final = -1
RECORD_BYTES_MAX: Final = 8 * 1024 * 1024
"""What our own topics take: a dead letter is a foreign record with its story around it."""


class Keeps(StrEnum):
    """What Kafka may throw away."""

    FOREVER = "for ever"
    DAYS = "days"
    COMPACTED = "compacted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic. Every topic has one partition: its order is the story."""

    name: str
    keeps: Keeps
    partitions: int = 1

    def config(self) -> dict[str, str]:
        """Return Kafka's topic settings that make it keep what it promises."""
        if self.keeps is Keeps.COMPACTED:
            return {"cleanup.policy": "compact", "max.message.bytes": str(RECORD_BYTES_MAX)}
        retention_ms = FOREVER if self.keeps is Keeps.FOREVER else 7 * DAY_MS
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(retention_ms),
            "retention.bytes": str(FOREVER),
            "max.message.bytes": str(RECORD_BYTES_MAX),
        }


RECOMMENDATIONS: Final = Topic(name="recommendations", keeps=Keeps.FOREVER)
SNAPSHOTS: Final = Topic(name="dispatch.snapshots", keeps=Keeps.COMPACTED)
DEAD_LETTERS: Final = Topic(name="dispatch.dead-letters", keeps=Keeps.FOREVER)
PROJECTION_FAILURES: Final = Topic(name="projection.failures", keeps=Keeps.FOREVER)

LOG_PREFIX: Final = "dispatch.events."
COMMANDS_PREFIX: Final = "dispatch.commands."


def log_of(account: AccountName) -> Topic:
    """Return the account's own log: the only truth about it."""
    return Topic(name=f"{LOG_PREFIX}{account}", keeps=Keeps.FOREVER)


def commands_of(account: AccountName) -> Topic:
    """Return where operators' wishes for the account go."""
    return Topic(name=f"{COMMANDS_PREFIX}{account}", keeps=Keeps.DAYS)


def account_of_log(topic: str) -> AccountName | None:
    """Return whose log `topic` is, None when it is nobody's."""
    if not topic.startswith(LOG_PREFIX):
        return None
    return account_name(topic.removeprefix(LOG_PREFIX))


def topics_for(accounts: Iterable[AccountName]) -> list[Topic]:
    """Return every topic that a system with these accounts needs."""
    own = [topic for account in accounts for topic in (log_of(account), commands_of(account))]
    return [RECOMMENDATIONS, *own, SNAPSHOTS, DEAD_LETTERS, PROJECTION_FAILURES]


def dispatcher_group(account: AccountName) -> str:
    """Return the consumer group, and the transactional id, of an account's dispatchers."""
    return f"dispatcher.{account}"
