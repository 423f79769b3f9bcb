"""`account_positions` and `account_state` are what the account's own log comes to."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.evolve import fold
from accounts.state import AccountState
from events.account import AdjustmentKind, CostBasis
from events.catalog import LogEvent
from events.order import Side
from events.values import money
from projections.accounts import ACCOUNTS
from projections.record import Record
from projections.session import Session
from projections.verify.accounts import AccountsFold
from projections.verify.compare import differences
from tests.accounts.histories import ANY_LOG, EVENTS
from tests.builders import ACCOUNT, NOW, OPTION_SYMBOL, RUN, a_decline, an_adjustment, an_opening
from tests.order_builders import a_fill, an_intent
from tests.projections.database import run
from tests.projections.driving import Driver, Failures, after, rows
from tests.projections.eventful import (
    EVENTFUL,
    LATER,
    TABLES,
    TOPIC,
    WINNER,
    an_engine,
    applied,
    started,
    tables,
    told,
)
from tests.projections.lives import cut
from tests.projections.past import Remembered

SALE: Final = an_intent(4, side=Side.SELL, quantity=10, price=110, closes=True)


def test_an_account_says_what_it_holds_owes_and_may_still_do(database: str) -> None:
    [state] = applied(database, EVENTFUL)["account_state"]

    # $396 and $1,200 are held; 6 MSFT and 3 AAPL may yet cost $101 and $51 each
    told = {name: value for name, value in state.items() if value is not None}
    assert told == {
        "account_name": ACCOUNT,
        "mode": "SIMULATED",
        "opened_at": NOW - timedelta(days=1),
        "trading_status": "HALTED",
        "trading_since": NOW + timedelta(seconds=1),
        "trading_by": "an operator",
        "trading_reason": "lunch",
        "open_position_count": 3,
        "max_open_positions": 5,
        "held_cost": 1596,
        "reserved": 759,
        "exposure": 2355,
        "max_notional_exposure": 10_000,
        "peak_exposure": 2355,
        "exchange_day": (NOW + timedelta(days=1)).date(),
        "executions_on_exchange_day": 0,
        "cash": Decimal("98403.65"),
        "fees": Decimal("0.35"),
        "realised_pnl": 0,
        "open_pnl": 4,
        "day_pnl": 4,
        "equity": Decimal("100003.65"),
        "open_order_count": 2,
        "unresolved_order_count": 1,
        "decided_count": 4,
        "executed_count": 2,
        "declined_count": 1,
        "rejected_count": 0,
        "expired_count": 0,
        "failed_count": 0,
        "incident_count": 0,
        "dispatcher_run_id": RUN,
        "started_at": NOW,
        "build": "build",
        "config_hash": "config",
        "limits": {"max_notional_exposure": "10000", "max_open_positions": 5},
        "next_recommendation_offset": state["next_recommendation_offset"],
        "log_offset": 9,
        "last_event_at": state["last_event_at"],
    }


def test_each_holding_has_a_row_with_its_price_and_its_gain(database: str) -> None:
    held = applied(database, [*EVENTFUL, an_adjustment(3, 90)])["account_positions"]

    assert [
        (
            one["symbol"],
            one["ticker"],
            one["instrument_type"],
            one["multiplier"],
            one["quantity"],
            one["cost"],
            one["average_price"],
            one["last_price"],
            one["market_value"],
            one["open_pnl"],
            one["log_offset"],
        )
        for one in held
    ] == [
        ("MSFT", "MSFT", "STOCK", 1, 7, 666, Decimal("95.14285714"), 90, 630, -36, 10),
        (OPTION_SYMBOL, "MSFT", "CALL", 100, 2, 1200, 6, 6, 1200, 0, 5),
    ]


def test_a_holding_whose_price_nobody_saw_has_no_gain(database: str) -> None:
    assigned = an_adjustment(3, 90, kind=AdjustmentKind.ASSIGNMENT)

    [held] = applied(database, [an_opening(), assigned])["account_positions"]

    assert (held["cost"], held["last_price"], held["market_value"], held["open_pnl"]) == (
        270,
        None,
        None,
        None,
    )


def test_what_is_sold_has_no_row_and_its_gain_is_realised(database: str) -> None:
    bought: list[LogEvent] = [an_opening(), WINNER, a_fill(WINNER, 10, 99)]
    driver = Driver(database, ACCOUNTS)
    driver.apply(told(bought))
    assert len(rows(database, "account_positions", "1")) == 1

    driver.apply(told([*bought, SALE, a_fill(SALE, 10, 110)]))
    driver.close()

    assert rows(database, "account_positions", "1") == []
    [state] = rows(database, "account_state", "1")
    assert (state["realised_pnl"], state["held_cost"], state["cash"]) == (110, 0, 100_110)


def test_executions_are_counted_on_their_day_in_new_york(database: str) -> None:
    evening = an_intent(5, ticker="AAPL", at=NOW + timedelta(hours=12))  # 23:00 in New York
    first: list[LogEvent] = [
        an_opening(),
        WINNER,
        a_fill(WINNER, 4, 99),
        evening,
        a_fill(evening, 10, 50),
    ]

    [state] = applied(database, first)["account_state"]
    assert (state["exchange_day"], state["executions_on_exchange_day"]) == (NOW.date(), 2)
    [state] = applied(database, [*first, LATER, a_fill(LATER, 3, 50)])["account_state"]
    assert (state["exchange_day"] - NOW.date()).days == 1
    assert (state["executions_on_exchange_day"], state["executed_count"]) == (1, 3)


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        ('{"max_open_positions":2,"max_notional_exposure":1500.5}', (2, Decimal("1500.5"))),
        ('{"max_open_positions":true,"max_notional_exposure":"NaN"}', (None, None)),
        ('{"max_open_positions":-1,"max_notional_exposure":"1e30"}', (None, None)),
        ("no JSON", (None, None)),
        ("[]", (None, None)),
    ],
)
def test_limits_that_make_no_sense_are_not_shown_and_stop_nobody(
    database: str, limits: str, shown: tuple[Any, Any]
) -> None:
    events: list[LogEvent] = [an_opening(), started(), started(1, limits)]

    [state] = applied(database, events)["account_state"]

    assert (state["max_open_positions"], state["max_notional_exposure"]) == shown
    assert verified(database, told(events)) == []


def test_an_account_of_which_only_a_part_is_known_has_its_row(database: str) -> None:
    [state] = applied(database, [a_decline()])["account_state"]

    assert (state["mode"], state["trading_status"], state["limits"]) == (None, "ACTIVE", None)


@pytest.fixture(scope="module")
def dsn(make_database: Callable[..., str], migrated_template: str) -> str:
    return make_database(migrated_template)


def verified(dsn: str, stream: Sequence[Record]) -> list[Any]:
    ledgers = AccountsFold()
    for record in stream:
        assert record.event is not None
        ledgers.take(record.event, record.origin)
    with psycopg.connect(dsn) as connection:
        return [
            difference
            for table, expected in ledgers.tables().items()
            for difference in differences(connection, table, expected)
        ]


def history(numbers: list[int], basis: CostBasis = CostBasis.AVERAGE) -> list[LogEvent]:
    opening = replace(an_opening(), cost_basis=basis)
    return [opening, started(), *(EVENTS[number] for number in numbers)]


def held(state: AccountState) -> dict[str, tuple[Decimal, Decimal]]:
    return {one.symbol: (one.quantity, money(one.cost)) for one in state.positions.values()}


@settings(max_examples=60)
@given(ANY_LOG, st.sampled_from([CostBasis.AVERAGE, CostBasis.FIFO]), st.data())
def test_after_any_history_the_rows_are_what_fold_and_ledger_say_however_it_was_cut(
    dsn: str, numbers: list[int], basis: CostBasis, data: st.DataObject
) -> None:
    events = history(numbers, basis)
    stream = told(events)
    batches = cut(data.draw, stream)
    run(dsn, f"TRUNCATE {', '.join(TABLES)}")
    driver = Driver(dsn, ACCOUNTS)
    driver.begin(stream)
    for batch in batches:
        driver.engine.apply(batch, after(batch))
    driver.close()

    assert driver.failures.heard == []
    state = fold(events)
    [row] = rows(dsn, "account_state", "1")
    assert row["cash"] == money(state.cash)
    assert row["day_pnl"] == money(state.pnl_on(row["exchange_day"]))
    assert row["equity"] == money(state.equity)
    assert row["exposure"] == money(state.exposure)
    assert row["incident_count"] == state.incidents
    assert row["unresolved_order_count"] == len(state.unresolved())
    positions = rows(dsn, "account_positions", "1, 2")
    assert {one["symbol"]: (one["quantity"], one["cost"]) for one in positions} == held(state)
    assert verified(dsn, stream) == []


@settings(max_examples=40)
@given(ANY_LOG, st.data())
def test_events_told_again_change_nothing_but_how_far_the_log_was_read(
    dsn: str, numbers: list[int], data: st.DataObject
) -> None:
    events = history(numbers)
    again = data.draw(st.lists(st.sampled_from(events), min_size=1, max_size=5))
    once = applied(dsn, events)

    twice = applied(dsn, [*events, *again])

    assert twice["account_positions"] == once["account_positions"]
    [row], [before] = twice["account_state"], once["account_state"]
    assert row == {**before, "log_offset": len(events) + len(again) - 1}


@settings(max_examples=20)
@given(ANY_LOG, st.data())
def test_projectors_that_die_between_batches_leave_the_rows_of_one_that_lives(
    dsn: str, numbers: list[int], data: st.DataObject
) -> None:
    stream = told(history(numbers))
    quiet = applied(dsn, history(numbers))
    run(dsn, f"TRUNCATE {', '.join(TABLES)}")

    for batch in cut(data.draw, stream):
        session = Session(dsn)
        engine = an_engine(session, Remembered(stream), Failures())
        engine.begin((TOPIC, 0), 0)
        engine.apply(batch, after(batch))
        session.close()

    assert tables(dsn) == quiet
