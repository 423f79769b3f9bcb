import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.legacy.rows import ROW_BYTES_MAX, judged
from events.recommendation import Action, InstrumentType

ID = "00000000-0000-4000-8000-00000000000a"
ROW: dict[str, Any] = {
    "execution_id": ID,
    "recommendation_id": 7,
    "account_name": "large-default",
    "ticker": "MSFT",
    "action": "BUY_STOCK",
    "decision_ts": "2024-01-02T15:00:00.123456+00:00",
    "simulated_ts": "2024-01-02T15:00:01+00:00",
    "entry_price": 100,
    "qty": 10,
    "notional": 1000,
    "execution_mode": "SIMULATED",
    "instrument_type": "STOCK",
}


def as_told(**changes: Any) -> str:  # noqa: ANN401 -- whatever JSON a column may hold
    return json.dumps({**ROW, **changes})


def without(*names: str) -> str:
    return json.dumps({name: value for name, value in ROW.items() if name not in names})


def test_a_row_is_read_to_the_last_digit() -> None:
    text = as_told().replace('"entry_price": 100', '"entry_price": 12345678901234567.00000001')

    found = judged(text, None).execution

    assert found is not None
    assert found.entry_price == Decimal("12345678901234567.00000001")
    assert found.quantity == Decimal(10)
    assert found.decision_ts == datetime(2024, 1, 2, 15, 0, 0, 123456, tzinfo=UTC)
    assert (found.side, found.instrument_type) == (Action.BUY, InstrumentType.STOCK)
    assert json.loads(found.row)["execution"]["ticker"] == "MSFT"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"execution_id": None}, "execution_id None is no UUID"),
        ({"execution_id": "7"}, "execution_id 7 is no UUID"),
        ({"recommendation_id": 2**63}, "recommendation_id 9223372036854775808 is no 64-bit number"),
        ({"recommendation_id": 1.5}, "recommendation_id 1.5 is no 64-bit number"),
        ({"ticker": None}, "ticker is null"),
        ({"ticker": " "}, "ticker is blank"),
        ({"ticker": "M" * 201}, "ticker has more than 200 characters"),
        ({"action": "HOLD"}, "action 'HOLD' says neither BUY nor SELL"),
        ({"execution_mode": None}, "execution_mode is null"),
        ({"instrument_type": "FUTURE"}, "instrument_type 'FUTURE' is none of STOCK, CALL and PUT"),
        ({"entry_price": None}, "entry_price is null"),
        ({"entry_price": "NaN"}, "entry_price is NaN, not a number"),
        ({"entry_price": "Infinity"}, "entry_price is Infinity, not a number"),
        ({"entry_price": -1}, "entry_price -1 is negative"),
        ({"qty": 10**19}, "qty 10000000000000000000 does not fit 28 digits, 9 of them decimals"),
        ({"notional": 1e-9}, "notional 1E-9 does not fit 28 digits, 8 of them decimals"),
        ({"decision_ts": "infinity"}, "decision_ts infinity is no time with a zone between"),
        ({"decision_ts": "0044-03-15T12:00:00+00:00 BC"}, "decision_ts 0044-03-15T12:00:00"),
        ({"simulated_ts": "12024-01-02T15:00:00+00:00"}, "simulated_ts 12024"),
        ({"simulated_ts": "2024-01-02T15:00:00"}, "simulated_ts 2024-01-02T15:00:00 is no time"),
        ({"account_name": "x" * 201}, "account_name has 201 characters"),
        ({"explain_json": "x" * ROW_BYTES_MAX}, f"at most {ROW_BYTES_MAX} can be imported"),
    ],
)
def test_what_keeps_a_row_out_is_said_in_words(changes: dict[str, Any], fault: str) -> None:
    found = judged(as_told(**changes), None)

    assert found.execution is None
    assert len(found.faults) == 1
    assert fault in found.faults[0]


def test_a_row_with_several_faults_tells_them_all() -> None:
    assert len(judged(as_told(qty=None, entry_price="NaN", ticker=None), None).faults) == 3


def test_a_number_of_a_hundred_thousand_digits_is_a_fault_and_no_crash() -> None:
    text = as_told().replace('"qty": 10', f'"qty": {"9" * 100_000}')

    assert judged(text, None).execution is None


@pytest.mark.parametrize(
    ("execution", "recommendation", "kind", "side"),
    [
        (as_told(instrument_type="PUT", action="BUY_PUT"), None, "PUT", "BUY"),
        (without("instrument_type").replace("BUY_STOCK", "BUY_CALL"), None, "CALL", "BUY"),
        (without("instrument_type"), '{"instrument_type": "CALL"}', "CALL", "BUY"),
        (as_told(action="SELL_PREMIUM"), '{"action": "BUY"}', "STOCK", "SELL"),
        (as_told(action="CLOSE"), '{"action": "SELL"}', "STOCK", "SELL"),
    ],
)
def test_what_was_traded_is_what_the_row_says_else_its_recommendation(
    execution: str, recommendation: str | None, kind: str, side: str
) -> None:
    found = judged(execution, recommendation).execution

    assert found is not None
    assert (found.instrument_type, found.side) == (kind, side)


@pytest.mark.parametrize("text", [as_told(account_name=None), as_told(account_name=" ")])
def test_a_row_whose_account_is_null_or_blank_names_none(text: str) -> None:
    assert judged(text, None).row.account is None


def test_a_table_without_the_column_names_no_account() -> None:
    assert judged(without("account_name"), None).row.account is None


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.lists(st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from(sorted(ROW)), _VALUES))
def test_whatever_a_row_holds_it_is_an_execution_or_has_faults(row: dict[str, Any]) -> None:
    found = judged(as_told(**row), None)

    assert (found.execution is None) is bool(found.faults)
