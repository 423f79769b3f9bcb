"""What becomes of an account besides its orders, one event after the other."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.evolve import evolve, fold
from accounts.state import TradingStatus
from events import roles
from events.account import (
    AccountReconciled,
    AdjustmentKind,
    CommandRefused,
    DispatcherStarted,
    IncidentRecorded,
)
from events.decision import Stage
from events.envelope import Origin
from events.order import Side
from tests.builders import (
    ACCOUNT,
    NOW,
    OPTION_SYMBOL,
    RUN,
    a_decline,
    a_failure,
    a_halt,
    a_reduction,
    a_resumption,
    an_account,
    an_adjustment,
    an_author,
    an_opening,
    an_option,
    these,
)
from tests.order_builders import a_fill, an_acceptance, an_intent

INTENT = an_intent(quantity=10, price=100)


def test_an_opened_account_holds_its_starting_cash() -> None:
    state = an_account(starting_cash=5_000)

    assert these(state.cash, state.equity, state.exposure) == (5_000, 5_000, 0)
    assert state.trading.status is TradingStatus.ACTIVE


def test_a_second_opening_is_an_incident() -> None:
    other = replace(an_opening(1), envelope=an_author().about("x", "y", occurred_at=NOW))

    state = an_account(other)

    assert these(state.cash, state.incidents) == (100_000, 1)


def test_halts_follow_the_log_and_an_old_one_told_again_changes_nothing() -> None:
    state = an_account(a_halt(1))
    assert these(state.trading.status, state.trading.reason) == (TradingStatus.HALTED, "lunch")

    state = fold([a_resumption(2), a_halt(1)], state)
    assert state.trading.status is TradingStatus.ACTIVE

    assert evolve(state, a_reduction(3)).trading.status is TradingStatus.REDUCED


def test_failures_in_a_row_are_counted_with_their_tickers_until_something_works() -> None:
    failures = [a_failure(n, ticker) for n, ticker in enumerate(("A", "B", "B"), start=1)]
    state = an_account(*failures)
    assert these(state.failures_in_row, state.failing_tickers) == (3, {"A", "B"})

    assert evolve(state, a_decline(9)).failures_in_row == 3  # it says nothing of the broker
    assert evolve(state, a_resumption()).failures_in_row == 0
    intent = an_intent(9)
    assert evolve(state, intent).failures_in_row == 3
    assert fold([intent, an_acceptance(intent)], state).failing_tickers == frozenset()


def test_entries_are_counted_in_the_exchanges_day() -> None:
    sale = an_intent(3, side=Side.SELL, closes=True, at=NOW + timedelta(minutes=9))
    state = an_account(an_intent(1), an_intent(2), sale, an_intent(4, "AAPL"))

    day = state.ticker_days["MSFT"]
    assert these(day.entries, day.last_at) == (2, NOW + timedelta(minutes=9))
    tomorrow = evolve(state, an_intent(5, at=NOW + timedelta(days=1)))
    assert tomorrow.ticker_days["MSFT"].entries == 1
    back = evolve(tomorrow, an_intent(6, at=NOW))
    assert back.ticker_days["MSFT"] == tomorrow.ticker_days["MSFT"]


def test_an_adjustment_applies_once() -> None:
    outside = an_adjustment(10, 50)
    state = an_account(outside, outside)

    assert these(state.positions["MSFT"].quantity, state.cash, state.exposure) == (10, 99_500, 500)
    assert an_account(outside, an_adjustment(-10, 60, activity="2")).realised_pnl == 100


@pytest.mark.parametrize("change", [10, -5])
def test_a_split_either_way_keeps_the_cost(change: int) -> None:
    split = an_adjustment(change, kind=AdjustmentKind.CORPORATE_ACTION)
    state = an_account(INTENT, a_fill(INTENT, price=100), split)

    held = state.positions["MSFT"]
    assert these(held.quantity, held.cost, state.realised_pnl) == (10 + change, 1_000, 0)


def test_an_option_that_expires_worthless_loses_what_it_cost() -> None:
    intent = an_intent(quantity=1, price=5, option=an_option())
    expiry = an_adjustment(-1, kind=AdjustmentKind.EXPIRY, symbol=OPTION_SYMBOL, multiplier=100)
    state = an_account(intent, a_fill(intent, price=5), expiry)

    assert these(state.positions, state.realised_pnl, state.cash) == ({}, -500, 99_500)


def test_an_adjustment_under_another_multiplier_is_an_incident() -> None:
    state = an_account(INTENT, a_fill(INTENT), an_adjustment(-10, 100, multiplier=100))

    assert these(state.positions["MSFT"].quantity, state.incidents) == (10, 1)


def test_an_adjustment_of_nothing_books_its_fees() -> None:
    assert an_account(an_adjustment(0, fees=Decimal(7))).cash == 99_993


def test_the_last_reconciliation_is_kept() -> None:
    def reconciled(minutes: int, *differences: str) -> AccountReconciled:
        at = NOW + timedelta(minutes=minutes)
        envelope = an_author().about(f"at:{minutes}", roles.RECONCILED, occurred_at=at)
        return AccountReconciled(envelope=envelope, differences=differences)

    state = an_account(reconciled(2, "MSFT: 9, not 10"), reconciled(1))

    assert state.differences == ("MSFT: 9, not 10",)


def test_the_last_start_says_which_build_decides_even_if_an_old_one_is_told_again() -> None:
    def started(offset: int, build: str) -> DispatcherStarted:
        author = replace(an_author(), build=build)
        at = NOW + timedelta(minutes=offset)
        envelope = author.about(f"run:{RUN}", roles.started(offset), occurred_at=at)
        limits = f'{{"max_open_positions":{offset}}}'
        return DispatcherStarted(envelope=envelope, host="host", process_id=1, limits=limits)

    state = an_account(started(1, "old"), started(2, "new"), started(1, "old"))

    assert state.version is not None
    assert (state.version.build, state.version.run_id) == ("new", RUN)
    assert state.version.limits == '{"max_open_positions":2}'


def test_an_incident_is_counted_once() -> None:
    envelope = an_author().about(f"run:{RUN}", roles.incident("stranger"), occurred_at=NOW)
    incident = IncidentRecorded(envelope=envelope, kind="stranger", message="who is this?")

    assert an_account(incident, incident).incidents == 1


def test_a_commands_answer_moves_the_place_in_the_commands() -> None:
    source = Origin(topic=f"dispatch.commands.{ACCOUNT}", partition=0, offset=41)
    envelope = an_author().about("command:1", roles.COMMAND, occurred_at=NOW, source=source)
    state = an_account(CommandRefused(envelope=envelope, command_id="1", reason="expired"))

    assert these(state.next_command_offset, state.next_recommendation_offset) == (42, 0)


def test_what_a_halt_kept_back_is_no_failure_that_calls_for_another_halt() -> None:
    kept_back = replace(a_failure(), stage=Stage.HALTED)

    state = an_account(an_intent(), kept_back)

    assert state.failures_in_row == 0
    assert state.ends.failed == 1
