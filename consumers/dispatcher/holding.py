"""Halts and the gate: held before a halt is written, named what had started, then as it stands."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from accounts.state import Trading, TradingStatus
from consumers.dispatcher.seat import Record
from consumers.dispatcher.submit_gate import Holder, Level, SubmitGate
from events.account import AccountHalted, AccountReduced
from events.catalog import LogEvent

_LEVELS: Final = {
    TradingStatus.ACTIVE: Level.OPEN,
    TradingStatus.REDUCED: Level.CLOSING_ONLY,
    TradingStatus.HALTED: Level.CLOSED,
}


def level_of(trading: Trading) -> Level:
    """Return what an account's status keeps back."""
    return _LEVELS[trading.status]


def follow(gate: SubmitGate, trading: Trading) -> None:
    """Let the gate keep back what the account's committed status forbids."""
    gate.follow(level_of(trading), f"{trading.status.lower()} by {trading.by}: {trading.reason}")


def hold_for(
    events: list[LogEvent],
    records: list[Record],
    gate: SubmitGate,
    holder: Holder,
    encode: Callable[[LogEvent], Record],
) -> None:
    """Hold `gate` for every halt among `events`, which are about to be appended as `records`.

    Both lists are put right: each halt names the POSTs that had started before the hold.
    """
    for number, event in enumerate(events):
        if not isinstance(event, AccountHalted | AccountReduced):
            continue
        level = Level.CLOSED if isinstance(event, AccountHalted) else Level.CLOSING_ONLY
        started = gate.hold(holder, level, f"halted by {event.by}: {event.reason}")
        if started:
            named = replace(event, in_flight=tuple(sorted(started)))
            records[records.index(encode(event))] = encode(named)
            events[number] = named
