"""The life of orders and accounts, one event after the other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.evolve import evolve, fold
from accounts.state import AccountState, Ends, OrderStatus, TradingStatus
from events import roles
from events.account import (
    AccountReconciled,
    AdjustmentKind,
    CommandRefused,
    DispatcherStarted,
    IncidentRecorded,
)
from events.catalog import LogEvent
from events.decision import Stage
from events.envelope import Origin
from events.identifiers import RecommendationId
from events.order import OrderIntended, Side
from tests.builders import (
    ACCOUNT,
    NOW,
    OPTION_SYMBOL,
    RUN,
    a_cancellation,
    a_decline,
    a_failure,
    a_fill,
    a_halt,
    a_reduction,
    a_rejection,
    a_resend,
    a_resumption,
    an_acceptance,
    an_account,
    an_adjustment,
    an_author,
    an_expiry,
    an_intent,
    an_opening,
    an_option,
    an_unknown_outcome,
    these,
)

INTENT = an_intent(quantity=10, price=100)
ID = INTENT.terms.client_order_id


def order_status(state: AccountState) -> OrderStatus:
    [order] = state.orders.values()
    return order.status


def test_an_opened_account_holds_its_starting_cash() -> None:
    state = an_account(starting_cash=5_000)

    assert these(state.cash, state.equity, state.exposure) == (5_000, 5_000, 0)
    assert state.trading.status is TradingStatus.ACTIVE


def test_a_second_opening_is_an_incident() -> None:
    other = replace(an_opening(1), envelope=an_author().about("x", "y", occurred_at=NOW))

    state = an_account(other)

    assert these(state.cash, state.incidents) == (100_000, 1)


def test_an_intent_is_unresolved_and_reserves_its_worst_price() -> None:
    state = an_account(INTENT)

    assert [order.client_order_id for order in state.unresolved()] == [ID]
    assert these(state.exposure, state.cash, state.open_position_count) == (1_010, 100_000, 1)
    assert state.is_decided(RecommendationId(1))
    assert these(state.next_recommendation_offset, state.clock_at) == (2, NOW)


def test_the_first_decision_about_a_recommendation_wins() -> None:
    state = an_account(INTENT)

    assert evolve(state, a_decline(1)) == state
    assert evolve(state, an_intent(1, quantity=99)) == state


def test_an_accepted_order_is_resolved_but_still_reserves() -> None:
    state = an_account(INTENT, an_acceptance(INTENT))

    assert state.unresolved() == ()
    assert state.exposure == 1_010


def test_an_acceptance_under_another_broker_order_id_is_an_incident() -> None:
    twin = replace(an_acceptance(INTENT), broker_order_id="another")

    state = an_account(INTENT, an_acceptance(INTENT), twin)

    assert state.incidents == 1


def test_a_fill_before_the_acceptance_is_legal() -> None:
    state = an_account(INTENT, a_fill(INTENT, 4), an_acceptance(INTENT))

    assert order_status(state) is OrderStatus.ACCEPTED
    assert these(state.positions["MSFT"].quantity, state.incidents) == (4, 0)


def test_partial_fills_move_reserve_into_holdings() -> None:
    first = a_fill(INTENT, 4, price=99)
    state = an_account(INTENT, an_acceptance(INTENT), first)

    assert state.exposure == 4 * 99 + 6 * 101
    assert state.cash == 100_000 - 4 * 99
    assert state.ends == Ends(executed=1)

    state = evolve(state, a_fill(INTENT, 10, price=100, before=first, fees="1.50"))

    assert not state.orders
    assert state.exposure == 4 * 99 + 6 * 100
    assert state.cash == Decimal(100_000) - 996 - Decimal("1.50")
    assert these(state.ends, state.fees) == (Ends(executed=1), Decimal("1.50"))
    assert state.peak_exposure == 1_010


def test_a_lost_fill_is_made_good_by_the_next_ones_cumulative_quantity() -> None:
    lost = a_fill(INTENT, 4, price=99)
    later = a_fill(INTENT, 10, price=101, before=lost)

    state = an_account(INTENT, later, lost)

    assert state.positions["MSFT"].quantity == 10
    assert state.positions["MSFT"].cost == 4 * 99 + 6 * 101


def test_an_options_contract_counts_a_hundred_times() -> None:
    intent = an_intent(quantity=2, price=5, option=an_option())

    assert an_account(intent).exposure == 2 * 6 * 100
    filled = an_account(intent, a_fill(intent, price=5))
    assert these(filled.exposure, filled.cash) == (1_000, 99_000)
    assert filled.positions[OPTION_SYMBOL].average_price == 5


def test_a_closing_order_reserves_nothing_and_realises() -> None:
    sale = an_intent(2, side=Side.SELL, quantity=10, price=110, closes=True)
    state = an_account(INTENT, a_fill(INTENT, price=100), sale)

    assert state.exposure == 1_000
    sold = evolve(state, a_fill(sale, price=110))
    assert these(sold.exposure, sold.realised_pnl, sold.cash) == (0, 100, 100_100)
    assert not sold.positions


def test_equity_follows_the_prices_seen_last() -> None:
    other = an_intent(2, price=120)
    state = an_account(INTENT, a_fill(INTENT, price=100), other)

    assert these(state.open_pnl, state.equity) == (200, 100_200)


@pytest.mark.parametrize(
    ("event", "ends"),
    [
        (a_rejection(INTENT), Ends(rejected=1)),
        (a_cancellation(INTENT), Ends(expired=1)),
        (an_expiry(INTENT), Ends(expired=1)),
        (a_failure(1), Ends(failed=1)),
    ],
    ids=["rejected", "cancelled", "expired", "failed"],
)
def test_an_end_without_a_fill_gives_the_reserve_back(event: LogEvent, ends: Ends) -> None:
    state = an_account(INTENT, event)

    assert these(state.exposure, state.orders, state.ends) == (0, {}, ends)
    assert evolve(state, event) == state


@pytest.mark.parametrize(
    "events",
    [
        (a_rejection(INTENT), a_cancellation(INTENT)),
        (a_cancellation(INTENT), a_failure(1)),
        (a_failure(1), a_rejection(INTENT)),
        (a_failure(1), an_acceptance(INTENT)),
        (a_fill(INTENT), a_failure(1)),
        (a_fill(INTENT, 1), a_failure(1)),
        (an_acceptance(INTENT), a_failure(1)),
        (a_fill(INTENT, 1), a_rejection(INTENT)),
        (a_rejection(INTENT), a_fill(INTENT)),
        (a_rejection(INTENT), a_resend(INTENT)),
    ],
)
def test_a_second_end_is_an_incident_and_changes_nothing_else(
    events: tuple[LogEvent, LogEvent],
) -> None:
    first, second = events
    before = an_account(INTENT, first)

    after = fold([second, second], before)

    assert after.incidents == 1
    assert replace(after, incidents=0, applied=before.applied) == before


def test_a_decline_then_a_failure_is_a_second_end() -> None:
    state = an_account(a_decline(1), a_failure(1))

    assert these(state.ends, state.incidents) == (Ends(declined=1), 1)


def test_a_fill_after_a_cancel_counts_once_and_corrects_the_end() -> None:
    late = a_fill(INTENT, 3)
    state = an_account(INTENT, a_cancellation(INTENT), late, late)

    assert state.positions["MSFT"].quantity == 3
    assert these(state.ends, state.incidents, state.reserved) == (Ends(executed=1), 0, 0)


def test_a_cancel_that_tells_of_fills_not_seen_yet_is_no_end() -> None:
    state = an_account(INTENT, a_cancellation(INTENT, 10))
    assert state.ends == Ends()

    state = evolve(state, a_fill(INTENT))

    assert these(state.ends, len(state.closed_orders)) == (Ends(executed=1), 0)
    assert evolve(state, a_cancellation(INTENT, 10)) == state


@pytest.mark.parametrize("end", [a_cancellation, an_expiry])
def test_what_had_filled_by_the_brokers_word_holds_its_exposure_until_its_fills_are_told(
    end: Callable[[OrderIntended, int], LogEvent],
) -> None:
    # given: 2 of 10 filled at $100, at worst $101
    before = an_account(INTENT, a_fill(INTENT, 2))

    # when: the broker says that 7 had
    state = evolve(before, end(INTENT, 7))

    # then: 5 may cost their worst price yet, and none of the 3 that never came
    assert these(state.reserved, state.exposure) == (505, 705)
    assert state.inbound_order("MSFT") == INTENT.terms.client_order_id
    some = a_fill(INTENT, 2)
    more = a_fill(INTENT, 4, before=some)
    last = a_fill(INTENT, 7, before=more)
    assert evolve(state, more).exposure == 400 + 303
    told = fold([more, last], state)
    assert these(told.reserved, told.exposure, told.inbound_order("MSFT")) == (0, 700, None)
    assert these(told.ends, told.incidents) == (Ends(executed=1), 0)


def test_a_position_counts_before_the_first_of_its_fills_is_told() -> None:
    state = an_account(INTENT, a_cancellation(INTENT, 7))

    assert these(state.open_position_count, state.exposure) == (1, 707)
    assert state.is_open("MSFT")
    assert evolve(state, a_fill(INTENT, 7)).open_position_count == 1


def test_an_exit_that_had_filled_by_the_brokers_word_is_not_sold_twice() -> None:
    sale = an_intent(2, side=Side.SELL, quantity=10, closes=True)
    state = an_account(INTENT, a_fill(INTENT), sale, a_cancellation(sale, 7))

    assert these(state.closing_quantity("MSFT"), state.reserved) == (7, 0)
    assert evolve(state, a_fill(sale, 7)).closing_quantity("MSFT") == 0


def test_a_broker_that_says_more_had_filled_than_was_ordered_is_believed_to_the_order() -> None:
    assert an_account(INTENT, a_cancellation(INTENT, 99)).exposure == 1_010


def test_a_fill_after_failed_is_an_incident_and_moves_no_position() -> None:
    fill = a_fill(INTENT)
    state = an_account(INTENT, a_failure(1), fill, fill)

    assert these(state.positions, state.cash, state.incidents) == ({}, 100_000, 1)
    assert state.ends == Ends(failed=1)


@pytest.mark.parametrize(
    "fill",
    [
        a_fill(an_intent(9)),
        a_fill(INTENT, 11),
        replace(a_fill(INTENT), side=Side.SELL),
        replace(a_fill(INTENT), symbol="AAPL"),
        replace(a_fill(INTENT), multiplier=100),
        replace(a_fill(INTENT), cumulative_notional=Decimal(0)),
    ],
    ids=["nobody's", "too much", "other side", "other symbol", "other multiplier", "for nothing"],
)
def test_a_fill_that_is_not_the_orders_is_an_incident(fill: LogEvent) -> None:
    state = an_account(INTENT, fill)

    assert these(state.positions, state.incidents) == ({}, 1)


def test_an_unknown_outcome_keeps_the_reserve_until_it_is_resolved() -> None:
    state = an_account(INTENT, an_unknown_outcome(INTENT))

    assert order_status(state) is OrderStatus.UNKNOWN
    assert these(len(state.unresolved()), state.exposure, state.ends.total) == (1, 1_010, 0)
    assert evolve(state, an_acceptance(INTENT)).unresolved() == ()


def test_a_resend_is_the_same_order_once_more() -> None:
    again = a_resend(INTENT, 2)
    state = an_account(INTENT, an_unknown_outcome(INTENT), again)

    [order] = state.orders.values()
    assert these(order.status, order.attempts) == (OrderStatus.INTENDED, 2)
    assert order.submit_before == again.submit_before
    assert evolve(state, an_unknown_outcome(INTENT, 1)) == state
    assert state.exposure == 1_010


def test_news_of_an_attempt_that_was_never_announced_is_an_incident() -> None:
    state = an_account(INTENT, an_unknown_outcome(INTENT, 2))

    assert these(order_status(state), state.incidents) == (OrderStatus.INTENDED, 1)


def test_resending_an_accepted_order_is_an_incident() -> None:
    assert an_account(INTENT, an_acceptance(INTENT), a_resend(INTENT)).incidents == 1


def test_an_intent_of_nothing_is_an_incident() -> None:
    nothing = an_intent(quantity=0)

    assert an_account(nothing).incidents == 1
    assert not an_account(nothing).orders


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
