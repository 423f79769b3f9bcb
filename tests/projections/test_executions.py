from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from events.identifiers import AccountName, Leg, event_id
from projections.executions import EXECUTIONS
from tests.projections.driving import fold, rows
from tests.projections.story import NOW, OPTION, Log


def a_log() -> Log:
    return Log(AccountName("tiny"))


def test_an_execution_stands_from_its_first_fill_with_everything_its_readers_know(
    database: str,
) -> None:
    log = a_log()
    log.intended(1)
    log.accepted(1)
    log.filled(1, "4", "100")

    fold(database, EXECUTIONS, log.records())

    [row] = rows(database, "dispatch_executions")
    assert row["execution_id"] == event_id("tiny", "recommendation:1", Leg.ENTRY, "execution")
    assert (row["recommendation_id"], row["account_name"]) == (1, "tiny")
    assert (row["ticker"], row["action"], row["instrument_type"]) == ("MSFT", "BUY_STOCK", "STOCK")
    assert (row["qty"], row["entry_price"], row["notional"]) == (4, 100, 400)
    assert (row["decision_ts"], row["simulated_ts"]) == (NOW, NOW + timedelta(seconds=2))
    assert (row["stop_loss_price"], row["take_profit_price"]) == (98, 104)
    assert (row["max_hold_minutes"], row["execution_mode"]) == (360, "SIMULATED")
    assert (row["fill_model"], row["slippage_bps"]) == ("simulated", 5)
    assert (row["strategy_type"], row["features_snapshot"]) == ("day_trade", {"rsi": 61.5})
    assert row["explain_json"]["reason"] == "momentum: 5 days\tup\\down"
    assert row["explain_json"]["sizing"] == {"shares": "10", "by": "risk"}
    assert row["explain_json"]["market"]["reference_price"] == "100.00000000"
    assert [gate["gate"] for gate in row["risk_json"]] == ["account_active", "confidence"]
    assert row["sim_json"]["client_order_id"] == "tiny-1-entry"
    assert row["option_symbol"] is None
    assert row["log_offset"] == 2


def test_partial_fills_add_up_to_one_execution_at_the_average_price(database: str) -> None:
    log = a_log()
    log.intended(1)
    log.filled(1, "4", "100")
    log.filled(1, "6", "101", before=("4", "400"))

    fold(database, EXECUTIONS, log.records())

    [row] = rows(database, "dispatch_executions")
    assert (row["qty"], row["entry_price"], row["notional"]) == (10, Decimal("100.6"), 1006)
    assert row["simulated_ts"] == NOW + timedelta(seconds=1)
    assert (row["sim_json"]["fills"], row["sim_json"]["fees"]) == (2, "0.02000000")
    assert len(rows(database, "dispatch_fills")) == 2


def test_a_third_is_rounded_once_and_to_the_scale_of_money(database: str) -> None:
    log = a_log()
    log.intended(1)
    log.filled(1, "3", "1", cumulative_notional=Decimal(2))

    fold(database, EXECUTIONS, log.records())

    assert rows(database, "dispatch_executions")[0]["entry_price"] == Decimal("0.66666667")


def test_an_option_s_notional_is_for_a_hundred_shares_a_contract(database: str) -> None:
    log = a_log()
    log.intended(1, option=OPTION, quantity="2")
    log.filled(1, "2", "5.20", option=OPTION)

    fold(database, EXECUTIONS, log.records())

    [row] = rows(database, "dispatch_executions")
    assert (row["action"], row["option_symbol"]) == ("BUY_CALL", "MSFT260320C00400000")
    assert (row["strike_price"], row["expiration_date"]) == (400, date(2026, 3, 20))
    assert (row["contracts"], row["premium_paid"], row["notional"]) == (2, 1040, 1040)
    assert (row["delta"], row["implied_volatility"]) == (Decimal("0.45"), Decimal("0.31"))


def test_strike_and_expiry_are_read_from_the_symbol_where_no_quote_says_them(
    database: str,
) -> None:
    log = a_log()
    log.intended(1, option=OPTION)
    intent = log.events[0]
    log.events[0] = replace(intent, option=None)  # type: ignore[arg-type] # an intent it is
    log.filled(1, "2", "5.20", option=OPTION)

    fold(database, EXECUTIONS, log.records())

    [row] = rows(database, "dispatch_executions")
    assert (row["strike_price"], row["expiration_date"]) == (400, date(2026, 3, 20))


def test_stops_and_targets_fill_without_being_executions(database: str) -> None:
    log = a_log()
    log.intended(1, leg=Leg.STOP)
    log.filled(1, "10", "98", leg=Leg.STOP)

    fold(database, EXECUTIONS, log.records())

    assert rows(database, "dispatch_executions") == []
    assert [row["leg"] for row in rows(database, "dispatch_fills")] == ["STOP"]


def test_a_fill_told_twice_counts_once(database: str) -> None:
    log = a_log()
    log.intended(1)
    log.filled(1, "4", "100")
    log.filled(1, "6", "101", before=("4", "400"))
    log.filled(1, "4", "100")
    log.filled(1, "6", "101", before=("4", "400"))

    fold(database, EXECUTIONS, log.records())

    fills = rows(database, "dispatch_fills", "log_offset")
    assert [fill["log_offset"] for fill in fills] == [1, 2]
    [row] = rows(database, "dispatch_executions")
    assert (row["qty"], row["sim_json"]["fees"]) == (10, "0.02000000")


def test_a_fill_not_above_what_the_log_said_before_is_no_fill(database: str) -> None:
    log = a_log()
    log.intended(1)
    log.filled(1, "10", "100")
    log.filled(1, "4", "90")

    fold(database, EXECUTIONS, log.records())

    [row] = rows(database, "dispatch_executions")
    assert (row["qty"], row["entry_price"]) == (10, 100)
    assert [row["fill_key"] for row in rows(database, "dispatch_fills")] == ["10"]


def test_an_order_says_how_it_stands(database: str) -> None:
    log = a_log()
    for recommendation in range(1, 9):
        log.intended(recommendation)
    log.accepted(2)
    log.unknown(3)
    log.filled(4, "4", "100")
    log.filled(5, "10", "100")
    log.accepted(5)
    log.rejected(6)
    log.canceled(7, filled="0")
    log.failed(8, order=True)

    fold(database, EXECUTIONS, log.records())

    assert [row["status"] for row in rows(database, "dispatch_orders")] == [
        "intended",
        "accepted",
        "unresolved",
        "partially_filled",
        "filled",
        "rejected",
        "canceled",
        "failed",
    ]


def test_the_ninth_decimal_of_a_quantity_survives(database: str) -> None:
    log = a_log()
    log.intended(1, quantity="0.123456789")
    log.filled(1, "0.123456789", "100", cumulative_notional=Decimal("12.3456789"))

    fold(database, EXECUTIONS, log.records())

    assert rows(database, "dispatch_executions")[0]["qty"] == Decimal("0.123456789")


def test_a_nul_in_the_broker_s_words_is_replaced_and_not_refused(database: str) -> None:
    log = a_log()
    log.intended(1, reason="bad \0 byte", sizing='["\\u0000"]')
    log.filled(1, "4", "100", fill_model="sim\0ulated")

    fold(database, EXECUTIONS, log.records())

    [row] = rows(database, "dispatch_executions")
    assert row["fill_model"] == "sim\ufffdulated"
    assert row["explain_json"]["reason"] == "bad \ufffd byte"
    assert row["explain_json"]["sizing"] == '["\\u0000"]'
