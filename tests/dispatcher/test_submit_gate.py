"""The submit gate: what it keeps back, for whom, and what it names."""

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.evolve import fold
from consumers.clock import SystemClock
from consumers.dispatcher.holding import follow, hold_for
from consumers.dispatcher.seat import Record
from consumers.dispatcher.submit_gate import Holder, Level, Refused, SubmitGate, Window
from events.account import AccountHalted
from events.catalog import LogEvent
from events.identifiers import ClientOrderId
from tests.builders import a_halt, a_reduction

ORDER = ClientOrderId("tiny-1-entry")


def a_window() -> Window:
    clock = SystemClock()
    return Window(until=clock.now() + timedelta(hours=1), until_elapsed_s=clock.elapsed_s() + 3600)


def refused(gate: SubmitGate, *, closes: bool = False) -> Refused | None:
    with gate.attempt(ORDER):
        refusal = gate.start(ORDER, a_window(), closes=closes)
        return None if refusal is None else refusal.kind


@pytest.mark.parametrize(
    ("level", "opening", "closing"),
    [
        (Level.OPEN, None, None),
        (Level.CLOSING_ONLY, Refused.HELD, None),
        (Level.CLOSED, Refused.HELD, Refused.HELD),
    ],
)
def test_a_hold_keeps_back_what_its_level_says(
    level: Level, opening: Refused | None, closing: Refused | None
) -> None:
    gate = SubmitGate(SystemClock())
    gate.hold(Holder.COMMAND, level, "halted")

    assert refused(gate) is opening
    assert refused(gate, closes=True) is closing


def test_the_strictest_of_all_holds_counts_until_its_holder_lets_go() -> None:
    gate = SubmitGate(SystemClock())
    gate.hold(Holder.COMMAND, Level.CLOSED, "halted")
    gate.follow(Level.OPEN, "active")
    assert refused(gate) is Refused.HELD

    gate.release(Holder.DECISION)
    assert refused(gate) is Refused.HELD

    gate.release(Holder.COMMAND)
    assert refused(gate) is None


def test_a_holder_never_holds_less_by_holding_again() -> None:
    gate = SubmitGate(SystemClock())
    gate.hold(Holder.COMMAND, Level.CLOSED, "halted")
    gate.hold(Holder.COMMAND, Level.CLOSING_ONLY, "reduced")

    assert gate.level is Level.CLOSED


def test_a_shut_gate_leaves_the_order_to_the_next_owner_whatever_is_held() -> None:
    gate = SubmitGate(SystemClock())
    gate.hold(Holder.COMMAND, Level.CLOSED, "halted")
    gate.shut("the seat was revoked")

    assert refused(gate) is Refused.SHUT


def test_the_glass_is_asked_before_each_attempt_and_remembered() -> None:
    said: list[str | None] = [None, "the feed is stale", None]
    gate = SubmitGate(SystemClock(), lambda: said.pop(0) if said else None)

    assert refused(gate) is None
    assert refused(gate) is Refused.HELD
    assert refused(gate) is Refused.HELD
    assert gate.look_at_glass() == "the feed is stale"


def test_a_halt_names_what_had_started_and_keeps_back_what_had_not() -> None:
    # given: a POST under way, and an account about to halt itself in a batch of events
    gate = SubmitGate(SystemClock())
    events: list[LogEvent] = [a_reduction(), a_halt(2)]
    records = [_record(event) for event in events]

    # when
    with gate.attempt(ORDER):
        assert gate.start(ORDER, a_window(), closes=False) is None
        hold_for(events, records, gate, Holder.DECISION, _record)

    # then: events and records name it, and the gate is held before anything is written
    halt = events[1]
    assert isinstance(halt, AccountHalted)
    assert halt == replace(a_halt(2), in_flight=(ORDER,))
    assert records == [_record(event) for event in events]
    assert refused(gate, closes=True) is Refused.HELD

    # and: once it is written the status holds it
    follow(gate, fold([halt]).trading)
    gate.release(Holder.DECISION)
    assert refused(gate, closes=True) is Refused.HELD


def _record(event: LogEvent) -> Record:
    return Record("log", repr(event).encode())
