"""What an account counts by the exchange's day and by the minute."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.days import RECENT_ORDERS_MAX, DayBook, with_recent, within_minute
from accounts.evolve import evolve, fold
from events.account import AdjustmentKind
from events.decision import RecommendationDeclined
from events.order import Side
from tests.accounts.histories import a_reconciliation, a_start
from tests.builders import (
    NOW,
    OPTION_SYMBOL,
    a_decline,
    a_halt,
    a_market,
    an_account,
    an_adjustment,
    an_opening,
    an_option,
    these,
)
from tests.order_builders import a_fill, an_intent

TODAY: Final = date(2022, 3, 16)
TOMORROW: Final = TODAY + timedelta(days=1)
DAY: Final = timedelta(days=1)
INTENT: Final = an_intent(quantity=10, price=100)


def seen(recommendation_id: int, price: int, at: datetime = NOW) -> RecommendationDeclined:
    """Return a decline that saw MSFT at `price`."""
    plain = a_decline(recommendation_id)
    envelope = replace(plain.envelope, occurred_at=at)
    return replace(plain, envelope=envelope, market=a_market(price))


def test_a_days_profit_is_what_was_realised_and_what_is_open_less_fees() -> None:
    sale = an_intent(2, side=Side.SELL, quantity=4, price=110, closes=True)
    state = an_account(INTENT, a_fill(INTENT, price=100, fees=1), sale, a_fill(sale, price=110))

    assert state.pnl_on(TODAY) == 4 * 10 + 6 * 10 - 1
    assert these(state.realised_pnl, state.open_pnl) == (40, 60)


def test_the_gap_over_night_belongs_to_the_new_day() -> None:
    state = an_account(INTENT, a_fill(INTENT, price=100), seen(2, 90, NOW + DAY))

    assert state.pnl_on(TOMORROW) == -100
    assert state.day == DayBook(
        day=TOMORROW, equity_at_start=Decimal(100_000), realised_at_start=Decimal(0)
    )


def test_a_day_on_which_nothing_happened_yet_has_neither_profit_nor_orders() -> None:
    state = an_account(INTENT, a_fill(INTENT, price=100), seen(2, 90))

    assert these(state.pnl_on(TODAY), state.orders_on(TODAY)) == (-100, 1)
    assert these(state.pnl_on(TOMORROW), state.orders_on(TOMORROW)) == (0, 0)
    assert these(an_account().pnl_on(TODAY), an_account().orders_on(TODAY)) == (0, 0)


def test_a_day_is_the_exchanges_and_not_utcs() -> None:
    late, early = datetime(2022, 3, 17, 3, 59, tzinfo=UTC), datetime(2022, 3, 17, 4, tzinfo=UTC)

    for at, day in ((late, TODAY), (early, TOMORROW)):
        book = an_account(an_intent(at=at)).day
        assert book is not None
        assert book.day == day


def test_entries_exits_and_trades_are_counted_by_the_day() -> None:
    sale = an_intent(2, side=Side.SELL, quantity=4, price=110, closes=True)
    first = a_fill(INTENT, 4)
    state = an_account(INTENT, first, a_fill(INTENT, before=first), sale, sale)

    assert state.day is not None
    assert these(state.day.orders, state.day.fills) == (2, 2)
    tomorrow = evolve(state, an_intent(3, at=NOW + DAY))
    assert tomorrow.day is not None
    assert these(tomorrow.day.orders, tomorrow.day.fills) == (1, 0)


def test_only_what_concerns_a_recommendation_begins_a_day() -> None:
    state = an_account(INTENT)
    tomorrow = [
        replace(event, envelope=replace(event.envelope, occurred_at=NOW + DAY))
        for event in (a_start(1), a_halt(1), an_adjustment(5, 100), a_reconciliation(1, None))
    ]

    assert fold(tomorrow, state).day == state.day


def test_an_event_told_again_on_a_later_day_begins_none() -> None:
    state = an_account(INTENT)
    again = replace(INTENT, envelope=replace(INTENT.envelope, occurred_at=NOW + DAY))

    assert evolve(state, again) == state


def test_a_clock_that_went_back_does_not_open_yesterday_again() -> None:
    state = an_account(an_intent(1, at=NOW + DAY), an_intent(2, at=NOW))

    assert state.day is not None
    assert state.day.day == TOMORROW
    assert these(state.orders_on(TODAY), state.orders_on(TOMORROW)) == (2, 2)


def test_starting_cash_is_no_profit_whenever_it_comes() -> None:
    state = fold([INTENT, an_opening(5_000)])

    assert these(state.equity, state.pnl_on(TODAY)) == (5_000, 0)


def test_a_trade_made_elsewhere_is_no_profit_by_itself() -> None:
    state = an_account(seen(1, 120), an_adjustment(10, 50))
    assert these(state.equity, state.pnl_on(TODAY)) == (100_000, 0)

    assert evolve(state, seen(2, 60)).pnl_on(TODAY) == 100


def test_an_option_that_expires_worthless_is_the_days_loss() -> None:
    intent = an_intent(quantity=1, price=5, option=an_option())
    expiry = an_adjustment(-1, kind=AdjustmentKind.EXPIRY, symbol=OPTION_SYMBOL, multiplier=100)

    assert an_account(intent, a_fill(intent, price=5), expiry).pnl_on(TODAY) == -500


@pytest.mark.parametrize("change", [10, -5])
def test_a_split_is_neither_profit_nor_loss(change: int) -> None:
    split = an_adjustment(change, kind=AdjustmentKind.CORPORATE_ACTION)
    state = an_account(INTENT, a_fill(INTENT, price=100), seen(2, 120), split)

    assert these(state.pnl_on(TODAY), state.last_prices["MSFT"]) == (
        200,
        Decimal(1_200) / (10 + change),
    )


def test_a_declined_options_contract_is_valued_at_the_price_seen() -> None:
    intent = an_intent(quantity=1, price=5, option=an_option())
    plain = a_decline(2)
    decline = replace(
        plain, instrument_type=intent.terms.instrument_type, option=an_option(), market=a_market(7)
    )

    assert an_account(intent, a_fill(intent, price=5), decline).open_pnl == 200


def test_orders_of_the_last_minute_are_counted_and_older_ones_forgotten() -> None:
    times = [NOW + timedelta(seconds=seconds) for seconds in (0, 30, 59, 60)]
    state = an_account(*(an_intent(n, f"T{n}", at=at) for n, at in enumerate(times, start=1)))

    assert state.recent_orders == tuple(times[1:])
    assert state.orders_within_minute(times[-1]) == 3
    assert state.orders_within_minute(NOW + timedelta(seconds=90)) == 2
    assert state.orders_within_minute(NOW + timedelta(seconds=120)) == 0


def test_a_burst_is_remembered_up_to_a_bound() -> None:
    recent: tuple[datetime, ...] = ()
    for _ in range(RECENT_ORDERS_MAX + 5):
        recent = with_recent(recent, NOW)

    assert within_minute(recent, NOW) == RECENT_ORDERS_MAX


@settings(derandomize=True, database=None)
@given(st.lists(st.integers(0, 200), max_size=40))
def test_the_newest_orders_minute_is_what_is_remembered(seconds: list[int]) -> None:
    recent: tuple[datetime, ...] = ()
    for second in seconds:
        recent = with_recent(recent, NOW + timedelta(seconds=second))

    newest = max(seconds, default=0)
    assert [(at - NOW).seconds for at in recent] == sorted(
        second for second in seconds if second > newest - 60
    )


def test_the_brokers_newest_figures_are_kept_until_newer_ones_are_named() -> None:
    state = an_account(a_reconciliation(2, Decimal(99_000)), a_reconciliation(3, None, "MSFT"))

    assert state.broker is not None
    assert these(state.broker.equity, state.broker.at) == (99_000, NOW + timedelta(minutes=2))
    assert these(state.broker.last_equity, state.broker.buying_power) == (None, None)
    older = evolve(state, a_reconciliation(1, Decimal(1)))
    assert older.broker == state.broker
    newer = evolve(state, a_reconciliation(4, Decimal(98_000)))
    assert newer.broker is not None
    assert newer.broker.equity == 98_000
