"""Commands and the break-glass, answered in the one loop: events about to be appended.

What was read stays until its answer is durable: an aborted transaction is simply tried again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from confluent_kafka import Message

from accounts.command import CommandContext, answer, answer_to_nonsense
from accounts.evolve import evolve
from accounts.state import AccountState, TradingStatus
from consumers.clock import SystemClock
from consumers.dispatcher.break_glass import BreakGlass
from consumers.dispatcher.dead_letter import dead_letter
from consumers.dispatcher.decider import Decider
from consumers.dispatcher.seat import Record
from consumers.errors import ServiceUnreachable
from consumers.kafka import offset_of, partition_of
from consumers.logs import get_log
from events import roles
from events.account import AccountHalted
from events.catalog import LogEvent
from events.codec import Undecodable, expect
from events.command import CommandIssued
from events.envelope import Origin
from events.topics import commands_of

DIGEST_LENGTH: Final = 16


@dataclass(slots=True)
class Answers:
    """What commands and the break-glass come to: nothing of it is true before it is durable."""

    state: AccountState
    events: list[LogEvent] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def add(self, event: LogEvent, record: Record) -> None:
        """Take up one event."""
        self.events.append(event)
        self.records.append(record)
        self.state = evolve(self.state, event)


class Commanding:
    """The commands of one seat that wait for their answers, and the file that needs none."""

    def __init__(self, decider: Decider, glass: BreakGlass) -> None:
        """Answer in the name of `decider`; nothing waits yet."""
        self._decider = decider
        self._glass = glass
        self._waiting: list[Message] = []

    @property
    def waits(self) -> bool:
        """Say whether a command waits for its answer."""
        return bool(self._waiting)

    def take_in(self, messages: Iterable[Message]) -> None:
        """Hold commands until they are answered."""
        self._waiting.extend(messages)

    def answers(
        self, state: AccountState, now: datetime, *, log_offset: int, broken: str | None
    ) -> Answers:
        """Return what follows, in the order of the commands, the break-glass before them all.

        `now` is the account's time; `broken` is why the break-glass holds the account, if it does.
        """
        found = Answers(state)
        if broken is not None and state.trading.status is not TradingStatus.HALTED:
            halt = AccountHalted(
                envelope=self._decider.author.about(
                    "account", roles.halt(f"break-glass-{log_offset}"), occurred_at=now
                ),
                by=self._glass.by,
                reason=broken,
            )
            found.add(halt, self._decider.record(halt))
        forbidden = None
        if broken is not None:
            forbidden = f"the {self._glass.by} holds the account ({broken}): remove it first"
        for message in self._waiting:
            self._answer(message, now, forbidden, found)
        return found

    def answered(self) -> None:
        """Let go of the commands: their answers are durable."""
        self._waiting.clear()

    def _answer(
        self, message: Message, now: datetime, forbidden: str | None, found: Answers
    ) -> None:
        author = self._decider.author
        topic = commands_of(author.account).name
        origin = Origin(topic=topic, partition=partition_of(message)[1], offset=offset_of(message))
        context = CommandContext(
            author=author,
            now=now,
            wall_now=SystemClock().now(),
            source=origin,
            resume_forbidden=forbidden,
        )
        try:
            command = expect(self._decider.codec.decode(message.value()), CommandIssued, topic)
        except (Undecodable, ServiceUnreachable) as error:
            # Ours can be decoded without the registry. Whatever else this is, nothing waits for it.
            self._refuse_nonsense(message, f"undecodable: {error}", context, found)
            return
        event = answer(command, found.state, context)
        if event is None:
            if origin.offset >= found.state.next_command_offset:  # before it, all are
                get_log().info("command_repeated", offset=origin.offset, command=command.command_id)
            return
        found.add(event, self._decider.record(event))

    def _refuse_nonsense(
        self, message: Message, reason: str, context: CommandContext, found: Answers
    ) -> None:
        digest = sha256(message.value() or b"").hexdigest()[:DIGEST_LENGTH]
        event = answer_to_nonsense(digest, reason, found.state, context)
        if event is None:
            return
        found.add(event, self._decider.record(event))
        found.records.append(
            dead_letter(message, context.source, reason, context.author.account, context.wall_now)
        )
