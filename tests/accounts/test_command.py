"""What an account answers to an operator's command."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from accounts.command import CommandAnswer, CommandContext, answer, answer_to_nonsense
from accounts.evolve import evolve, fold
from accounts.state import AccountState, TradingStatus
from events.account import AccountHalted, AccountReduced, AccountResumed, CommandRefused
from events.command import CommandIssued, CommandKind
from events.envelope import Origin
from events.topics import commands_of
from tests.builders import ACCOUNT, NOW, a_halt, a_reduction, an_author, an_opening

ACTIVE = fold([an_opening()])
REDUCED = fold([an_opening(), a_reduction()])
HALTED = fold([an_opening(), a_halt()])


def a_command(
    kind: CommandKind,
    number: int = 7,
    **changes: Any,  # noqa: ANN401 -- any field
) -> CommandIssued:
    plain = CommandIssued(
        command_id=UUID(int=number),
        account_name=ACCOUNT,
        kind=kind,
        by="maria",
        reason="the feed is stale",
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
    )
    return replace(plain, **changes)


def answered(
    command: CommandIssued, state: AccountState, offset: int = 0, forbidden: str | None = None
) -> CommandAnswer | None:
    return answer(command, state, _context(offset, forbidden))


def _context(offset: int = 0, forbidden: str | None = None) -> CommandContext:
    return CommandContext(
        author=an_author(),
        now=NOW,
        wall_now=NOW,
        source=Origin(topic=commands_of(ACCOUNT).name, partition=0, offset=offset),
        resume_forbidden=forbidden,
    )


@pytest.mark.parametrize(
    ("state", "kind", "becomes"),
    [
        (ACTIVE, CommandKind.HALT, AccountHalted),
        (ACTIVE, CommandKind.REDUCE, AccountReduced),
        (ACTIVE, CommandKind.CANCEL_OPEN, AccountHalted),
        (REDUCED, CommandKind.HALT, AccountHalted),
        (REDUCED, CommandKind.CANCEL_OPEN, AccountHalted),
        (REDUCED, CommandKind.RESUME, AccountResumed),
        (HALTED, CommandKind.CANCEL_OPEN, AccountHalted),
        (HALTED, CommandKind.RESUME, AccountResumed),
        (ACTIVE, CommandKind.RESUME, CommandRefused),
        (REDUCED, CommandKind.REDUCE, CommandRefused),
        (HALTED, CommandKind.HALT, CommandRefused),
        (HALTED, CommandKind.REDUCE, CommandRefused),
        (ACTIVE, CommandKind.UNKNOWN, CommandRefused),
    ],
)
def test_a_command_is_obeyed_where_it_changes_something_and_refused_elsewhere(
    state: AccountState, kind: CommandKind, becomes: type[CommandAnswer]
) -> None:
    event = answered(a_command(kind), state)

    assert type(event) is becomes
    if not isinstance(event, CommandRefused):
        assert event is not None
        assert (event.by, event.reason) == ("maria", "the feed is stale")


@pytest.mark.parametrize("kind", [CommandKind.HALT, CommandKind.REDUCE, CommandKind.CANCEL_OPEN])
@pytest.mark.parametrize("before", [ACTIVE, REDUCED, HALTED], ids=["active", "reduced", "halted"])
def test_nothing_but_a_resumption_makes_an_account_freer(
    before: AccountState, kind: CommandKind
) -> None:
    order = list(TradingStatus)
    event = answered(a_command(kind), before)
    assert event is not None

    after = evolve(before, event)

    assert order.index(after.trading.status) >= order.index(before.trading.status)


def test_a_command_that_was_answered_is_not_answered_again() -> None:
    for state, kind in ((ACTIVE, CommandKind.HALT), (ACTIVE, CommandKind.RESUME)):
        command = a_command(kind)
        event = answered(command, state)
        assert event is not None

        assert answered(command, evolve(state, event), offset=1) is None


def test_an_expired_command_is_refused() -> None:
    command = a_command(CommandKind.HALT, expires_at=NOW)

    event = answered(command, ACTIVE)

    assert isinstance(event, CommandRefused)
    assert "expired" in event.reason


def test_a_command_for_another_account_is_refused() -> None:
    event = answered(a_command(CommandKind.HALT, account_name="other"), ACTIVE)

    assert isinstance(event, CommandRefused)
    assert "other" in event.reason


def test_an_account_is_not_resumed_while_something_forbids_it() -> None:
    event = answered(a_command(CommandKind.RESUME), HALTED, forbidden="the file is there")

    assert isinstance(event, CommandRefused)
    assert event.reason == "the file is there"


def test_every_answer_says_how_far_the_commands_were_read() -> None:
    for command in (a_command(CommandKind.HALT), a_command(CommandKind.RESUME)):
        event = answered(command, ACTIVE, offset=41)
        assert event is not None
        assert evolve(ACTIVE, event).next_command_offset == 42


def test_what_is_no_command_is_refused_once() -> None:
    event = answer_to_nonsense("ab", "no event", ACTIVE, _context(3))
    assert event is not None

    after = evolve(ACTIVE, event)

    assert after.next_command_offset == 4
    assert answer_to_nonsense("ab", "no event", after, _context(3)) is None
    assert answer_to_nonsense("cd", "no event", after, _context(3)) is not None


def test_a_halt_for_another_reason_goes_on_cancelling_and_a_resumption_ends_it() -> None:
    cancelling = answered(a_command(CommandKind.CANCEL_OPEN), ACTIVE)
    assert cancelling is not None
    state = fold([an_opening(), cancelling])
    assert state.trading.cancel_open

    halted_again = evolve(state, a_halt(5))
    assert halted_again.trading.cancel_open

    resumed = answered(a_command(CommandKind.RESUME, 8), halted_again)
    assert resumed is not None
    assert not evolve(halted_again, resumed).trading.cancel_open
