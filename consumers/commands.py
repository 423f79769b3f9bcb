"""Operators' commands: appended for good, then the account's answer awaited on its own log."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from accounts.command import CommandAnswer, command_subject, stands
from accounts.state import AccountState, Trading
from consumers.cluster import Cluster
from consumers.dispatcher.log_reader import AccountLog
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.kafka import admin_client, consume_batch, consumer_config, offset_of, unreachable
from consumers.offsets import bounds_if_there, described
from events import roles
from events.account import AccountHalted, AccountReduced, AccountResumed, CommandRefused
from events.catalog import LogEvent
from events.codec import Codec, Undecodable
from events.command import CommandIssued, CommandKind
from events.identifiers import AccountName, event_id
from events.topics import commands_of, log_of

ANSWER_WITHIN_S: Final = 15.0
_NOBODY_AFTER_S: Final = 1.0
_CANCELLED_WITHIN_S: Final = 5.0
_DELIVERY_TIMEOUT_MS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Obeyed:
    """A command and what came of it.

    `answer` is None where nobody has answered; `dispatchers` then says how many run. `before` and
    `state` are the account just before the answer, and as it is now; `next_offset` is the one
    behind the answer in the log.
    """

    command: CommandIssued
    answer: CommandAnswer | None
    dispatchers: int
    before: Trading | None = None
    state: AccountState | None = None
    next_offset: int | None = None

    @property
    def as_wished(self) -> bool:
        """Whether the account stands as the command wants it, by it or already before."""
        return self.state is not None and stands(self.command.kind, self.state.trading)


def new_command(
    account: AccountName,
    kind: CommandKind,
    *,
    by: str,
    reason: str,
    now: datetime,
    expires_in: timedelta,
) -> CommandIssued:
    """Return a command of a new id."""
    return CommandIssued(
        command_id=uuid4(),
        account_name=account,
        kind=kind,
        by=by,
        reason=reason,
        issued_at=now,
        expires_at=now + expires_in,
    )


class NowhereToTell(ConfigurationError):  # noqa: N818 -- says what is the matter
    """Some accounts have no topic of commands: `accounts`. All others have theirs for good."""

    def __init__(self, accounts: Collection[str]) -> None:
        super().__init__(
            f"{', '.join(sorted(accounts))}: the topic of commands does not exist, nothing was "
            "told: run `dispatcher topics apply`"
        )
        self.accounts: Final = frozenset(accounts)


def issue(cluster: Cluster, codec: Codec, commands: Iterable[CommandIssued]) -> None:
    """Append `commands`, each to its account's topic, and wait until Kafka has them for good.

    Raises:
        NowhereToTell: An account's topic does not exist; the others' commands are there.
        ServiceUnreachable: Kafka did not acknowledge them all: send them again.
    """
    producer = Producer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            # An idempotent producer needs half a second to begin. A command needs none: sent
            # again by a retry, it is answered once, by its id.
            "acks": "all",
            "linger.ms": 0,
            "message.timeout.ms": _DELIVERY_TIMEOUT_MS,
            "allow.auto.create.topics": False,
            # A topic that is not there is found out before its command's time is up.
            "topic.metadata.propagation.max.ms": _DELIVERY_TIMEOUT_MS // 5,
            "log_level": 0,
        }
    )
    faults: list[KafkaError] = []
    nowhere: list[str] = []

    def delivered(account: str, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            return
        if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # noqa: SLF001 -- a public code that starts with an underscore
            nowhere.append(account)
        else:
            faults.append(error)

    for command in commands:
        account = command.account_name
        topic = cluster.topic(commands_of(AccountName(account)).name)
        producer.produce(
            topic, codec.encode(command), account.encode(), on_delivery=partial(delivered, account)
        )
    undelivered = producer.flush(_DELIVERY_TIMEOUT_MS / 1000 + 1)
    if faults or undelivered:
        why = faults[0].str() if faults else "no answer in time"
        raise ServiceUnreachable(f"Kafka has not acknowledged every command ({why})")
    if nowhere:
        raise NowhereToTell(nowhere)


class AnswerReader:
    """The accounts' logs from where they ended when this was made.

    `next_offsets` has, by the event id of each answer that was read, the offset behind it.
    """

    def __init__(self, cluster: Cluster, codec: Codec, accounts: Iterable[AccountName]) -> None:
        """Stand at the end of each log that there is: to be made before the commands are issued.

        Raises:
            ServiceUnreachable: Kafka does not answer.
        """
        self.next_offsets: dict[UUID, int] = {}
        self._cluster = cluster
        self._codec = codec
        self._consumer = _reader(cluster)
        ends = {
            topic: bounds_if_there(self._consumer, topic)
            for topic in (cluster.topic(log_of(account).name) for account in accounts)
        }
        self._consumer.assign(
            [TopicPartition(topic, 0, end[1]) for topic, end in ends.items() if end is not None]
        )

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()

    def await_answers(
        self, commands: Iterable[CommandIssued], within_s: float = ANSWER_WITHIN_S
    ) -> dict[UUID, CommandAnswer | int]:
        """Return each command's answer, or how many dispatchers run that have not answered.

        An account without a dispatcher is not waited for longer than a second.
        """
        waiting = {_answer_id(command): command for command in commands}
        found: dict[UUID, CommandAnswer | int] = {}
        began = time.monotonic()
        asked = False
        while waiting and time.monotonic() - began < within_s:
            for answer in self._answers():
                command = waiting.pop(answer.envelope.event_id, None)
                if command is not None:
                    found[command.command_id] = answer
            if not asked and time.monotonic() - began > _NOBODY_AFTER_S:
                asked = True
                for key, command in list(waiting.items()):
                    if not dispatchers_of(self._cluster, AccountName(command.account_name)):
                        found[command.command_id] = 0
                        del waiting[key]
        for command in waiting.values():
            running = dispatchers_of(self._cluster, AccountName(command.account_name))
            found[command.command_id] = running
        return found

    def _answers(self) -> Iterable[CommandAnswer]:
        for message in consume_batch(self._consumer, 100, 0.1).messages:
            try:
                event = self._codec.decode(message.value())
            except Undecodable:
                continue  # no answer; folding says which record it is
            if isinstance(event, AccountHalted | AccountReduced | AccountResumed | CommandRefused):
                self.next_offsets[event.envelope.event_id] = offset_of(message) + 1
                yield event


def with_state(
    cluster: Cluster,
    codec: Codec,
    command: CommandIssued,
    answer: CommandAnswer,
    on_progress: Callable[[int, int], None] = lambda _at, _end: None,
) -> Obeyed:
    """Return the account around `answer`; after a cancel-open, once nothing is open any more.

    Raises:
        ServiceUnreachable: Kafka does not answer.
    """
    before: list[Trading] = []

    def take(state: AccountState, event: LogEvent) -> None:
        if event.envelope.event_id == answer.envelope.event_id:
            before.append(state.trading)

    account = AccountName(command.account_name)
    log = AccountLog(cluster, account, codec, on_progress=on_progress, on_event=take)
    cancels = command.kind is CommandKind.CANCEL_OPEN and isinstance(answer, AccountHalted)
    try:
        log.read_to_end()
        deadline = time.monotonic() + _CANCELLED_WITHIN_S
        while cancels and log.state.orders and time.monotonic() < deadline:
            log.read_on(0.2)
    finally:
        log.close()
    return Obeyed(
        command=command,
        answer=answer,
        dispatchers=1,
        before=before[0] if before else None,  # a snapshot may already be of later
        state=log.state,
    )


def dispatchers_of(cluster: Cluster, account: AccountName) -> int:
    """Return how many dispatchers of `account` run, those that stand by included.

    Raises:
        ServiceUnreachable: Kafka does not answer.
    """
    admin = admin_client(cluster.bootstrap_servers)
    group = cluster.dispatchers_of(account)
    try:
        return len(described(admin, group).members)
    except KafkaException as error:
        raise unreachable(error) from error


def _answer_id(command: CommandIssued) -> UUID:
    subject = command_subject(command.command_id)
    return event_id(command.account_name, subject, None, roles.COMMAND)


def _reader(cluster: Cluster) -> Consumer:
    config = consumer_config(cluster.bootstrap_servers, cluster.group("dispatcher-reader"))
    return Consumer({**config, "log_level": 0})
