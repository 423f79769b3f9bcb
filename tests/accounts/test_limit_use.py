"""How much of each limit is used."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from accounts.limit_use import buying_power, limit_uses, ticker_uses
from accounts.limits import LARGE
from events.order import Side
from tests.accounts.asking import DECLINED, a_reconciliation, given, verdict
from tests.builders import NOW, an_account
from tests.order_builders import a_fill, an_intent

HELD, COMING = an_intent(1, "AAPL"), an_intent(2, "MSFT")


def test_what_is_held_and_what_is_on_its_way_fill_the_limits() -> None:
    state = an_account(HELD, a_fill(HELD), COMING)

    uses = {one.limit: one for one in limit_uses(state, LARGE, NOW)}

    positions, exposure = uses["max_open_positions"], uses["max_notional_exposure"]
    assert (positions.used, positions.allowed, positions.free) == (2, 5, 3)
    assert exposure.used == 1_000 + 1_010  # at cost, and at its worst price
    assert exposure.free == 10_000 - 2_010


def test_a_days_loss_and_its_orders_are_held_against_their_limits() -> None:
    fallen = an_intent(3, "AAPL", side=Side.SELL, price=90, closes=True)
    state = an_account(HELD, a_fill(HELD), fallen)

    uses = {one.limit: one for one in limit_uses(state, LARGE, NOW)}

    assert uses["max_daily_loss"].used == 100  # ten shares, ten dollars each
    assert uses["max_daily_loss"].allowed == LARGE.max_daily_loss
    assert uses["max_orders_per_minute"].used == 2
    assert uses["max_orders_per_day"].used == 2
    tomorrow = {one.limit: one.used for one in limit_uses(state, LARGE, NOW + timedelta(days=1))}
    assert (tomorrow["max_daily_loss"], tomorrow["max_orders_per_day"]) == (0, 0)


def test_the_days_loss_is_the_brokers_where_that_is_the_worse() -> None:
    told = a_reconciliation(equity=99_300, last_equity=100_000)
    state = an_account(HELD, a_fill(HELD), told)

    [loss] = [one for one in limit_uses(state, LARGE, NOW) if one.limit == "max_daily_loss"]

    assert (loss.used, loss.allowed, loss.free) == (700, 500, 0)
    assert verdict("daily_loss_limit", given(state=state)) is DECLINED
    tomorrow = NOW + timedelta(days=1)
    assert next(u.used for u in limit_uses(state, LARGE, tomorrow) if u.limit == loss.limit) == 0


def test_a_limit_that_was_lowered_below_what_is_used_has_nothing_free() -> None:
    state = an_account(HELD, a_fill(HELD), COMING)
    limits = replace(LARGE, max_open_positions=1, max_notional_exposure=Decimal(500))

    assert [one.free for one in limit_uses(state, limits, NOW)][:2] == [0, 0]


def test_tickers_are_those_of_the_exchanges_day_the_last_one_first() -> None:
    later = an_intent(3, "XOM", at=NOW + timedelta(minutes=5))
    state = an_account(HELD, a_fill(HELD), later)

    found = ticker_uses(state, LARGE, NOW)

    assert [(one.ticker, one.entries, one.entries_max) for one in found] == [
        ("XOM", 1, 2),
        ("AAPL", 1, 2),
    ]
    assert found[0].unresolved_order == later.terms.client_order_id
    assert found[1].unresolved_order is None
    assert ticker_uses(state, LARGE, NOW + timedelta(days=1)) == []


def test_buying_power_is_what_open_orders_leave_of_the_cash() -> None:
    assert buying_power(an_account(HELD, a_fill(HELD), COMING)) == 100_000 - 1_000 - 1_010
    assert buying_power(an_account(COMING, starting_cash=500)) == 0
