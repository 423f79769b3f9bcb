"""Commands as an operator sends them, and what the log answers."""

from datetime import timedelta
from typing import TypeVar

from consumers.clock import SystemClock
from consumers.commands import issue, new_command
from events.catalog import LogEvent
from events.command import CommandIssued, CommandKind
from events.identifiers import AccountName
from tests.dispatcher.world import World

_E = TypeVar("_E")


def a_wish(
    account: AccountName, kind: CommandKind, *, expires_in: timedelta = timedelta(minutes=5)
) -> CommandIssued:
    return new_command(
        account,
        kind,
        by="maria",
        reason="the feed is stale",
        now=SystemClock().now(),
        expires_in=expires_in,
    )


def command(world: World, account: AccountName, kind: CommandKind) -> CommandIssued:
    """Send a command by the command line's own code."""
    wish = a_wish(account, kind)
    issue(world.cluster, world.codec, [wish])
    return wish


def await_one(world: World, account: AccountName, kind: type[_E]) -> _E:
    """Return the first event of a kind, as soon as the log has it."""
    return await_number(world, account, kind, 1)[0]


def await_number(world: World, account: AccountName, kind: type[_E], number: int) -> list[_E]:
    """Return the events of a kind, as soon as the log has so many."""
    events = world.await_log(account, lambda events: len(all_of(events, kind)) >= number)
    return all_of(events, kind)


def all_of(events: list[LogEvent], kind: type[_E]) -> list[_E]:
    """Return the events of a kind."""
    return [event for event in events if isinstance(event, kind)]
