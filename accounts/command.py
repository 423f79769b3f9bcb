"""An operator's command against the account: the event that answers it. Pure.

Only a resumption loosens anything: to halt, to reduce and to cancel never make an account freer
than it is, so that none of them can be typed too often.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from accounts.decide import plain_text
from accounts.state import AccountState, Trading, TradingStatus
from events import roles
from events.account import AccountHalted, AccountReduced, AccountResumed, CommandRefused
from events.author import Author
from events.command import CommandIssued, CommandKind
from events.envelope import Envelope, Origin

CommandAnswer: TypeAlias = AccountHalted | AccountReduced | AccountResumed | CommandRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Who answers, when, and which record.

    `now` is the account's own time, which stands on the answer; `wall_now` is the machine's, by
    which commands expire. `resume_forbidden` says why the account must not be resumed, if so.
    """

    author: Author
    now: datetime
    wall_now: datetime
    source: Origin
    resume_forbidden: str | None = None


def command_subject(command_id: object) -> str:
    """Return what the answer to a command is about: part of its event id."""
    return f"command:{command_id}"


def stands(kind: CommandKind, trading: Trading) -> bool:
    """Say whether the account stands as a command of `kind` wants it."""
    halted = trading.status is TradingStatus.HALTED
    match kind:
        case CommandKind.HALT:
            return halted
        case CommandKind.CANCEL_OPEN:
            return halted and trading.cancel_open
        case CommandKind.REDUCE:
            return trading.status is TradingStatus.REDUCED
        case CommandKind.RESUME:
            return trading.status is TradingStatus.ACTIVE
        case CommandKind.UNKNOWN:
            return False


def answer(
    command: CommandIssued, state: AccountState, context: CommandContext
) -> CommandAnswer | None:
    """Return the account's answer to `command`; None where it has answered before."""
    envelope = _envelope(command_subject(command.command_id), context)
    if envelope.event_id in state.applied:
        return None
    refusal = _refusal(command, state.trading, context)
    if refusal is not None:
        return CommandRefused(
            envelope=envelope, command_id=str(command.command_id), reason=plain_text(refusal)
        )
    by, reason = plain_text(command.by), plain_text(command.reason)
    if command.kind is CommandKind.RESUME:
        return AccountResumed(envelope=envelope, by=by, reason=reason)
    if command.kind is CommandKind.REDUCE:
        return AccountReduced(envelope=envelope, by=by, reason=reason)
    cancel_open = command.kind is CommandKind.CANCEL_OPEN
    return AccountHalted(envelope=envelope, by=by, reason=reason, cancel_open=cancel_open)


def answer_to_nonsense(
    digest: str, reason: str, state: AccountState, context: CommandContext
) -> CommandRefused | None:
    """Return the refusal of a record that is no command; None where it was refused before.

    `digest` tells its bytes from others that may once have stood at the same offset.
    """
    subject = f"command-record:{context.source.offset}-{digest}"
    envelope = _envelope(subject, context)
    if envelope.event_id in state.applied:
        return None
    return CommandRefused(envelope=envelope, command_id="", reason=plain_text(reason))


def _refusal(command: CommandIssued, trading: Trading, context: CommandContext) -> str | None:
    if command.account_name != context.author.account:
        return f"it is meant for account {command.account_name}"
    if command.kind is CommandKind.UNKNOWN:
        return "this build does not know what it wants: was it sent by a newer one?"
    if context.wall_now >= command.expires_at:
        return f"it expired at {command.expires_at.isoformat()}: send it again if it still holds"
    if stands(command.kind, trading):
        return f"no effect: the account is {trading.status.lower()} already"
    if command.kind is CommandKind.REDUCE and trading.status is TradingStatus.HALTED:
        return "no effect: the account is halted, which is stricter"
    return context.resume_forbidden if command.kind is CommandKind.RESUME else None


def _envelope(subject: str, context: CommandContext) -> Envelope:
    return context.author.about(
        subject,
        roles.COMMAND,
        occurred_at=context.now,
        causation_id=subject,
        source=context.source,
    )
