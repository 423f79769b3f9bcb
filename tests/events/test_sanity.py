"""What an option's symbol may say: gates are asked of the advice, the broker trades the symbol."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from events.recommendation import InstrumentType
from events.sanity import nonsense
from tests.builders import a_call, a_recommendation, an_option


def test_a_contract_that_is_what_the_advice_says_has_sense() -> None:
    assert nonsense(a_call()) is None
    assert nonsense(a_call(option=None)) is None
    assert nonsense(a_recommendation()) is None


@pytest.mark.parametrize(
    ("ticker", "instrument_type", "contract"),
    [
        ("BRK.B", InstrumentType.CALL, {"symbol": "BRKB220414C00300000"}),
        ("F", InstrumentType.PUT, {"symbol": "F220414P00007500", "strike": Decimal("7.500")}),
        (
            "GOOGL",
            InstrumentType.CALL,
            {"symbol": "GOOGL220414C00000001", "strike": Decimal("0.001")},
        ),
    ],
)
def test_a_contract_is_read_as_the_exchange_writes_it(
    ticker: str, instrument_type: InstrumentType, contract: dict[str, Any]
) -> None:
    option = an_option(**contract)
    advice = a_call(ticker=ticker, instrument_type=instrument_type, option=option)
    assert nonsense(advice) is None


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("AAPL220414C00300000", "is not of ticker MSFT"),
        ("MSFT220414P00300000", "is no CALL"),
        ("MSFT220413C00300000", "does not expire on 2022-04-14"),
        ("MSFT221332C00300000", "does not expire on 2022-04-14"),
        ("MSFT220414C00310000", "has no strike of 300"),
        ("MSFT220414C03000000", "has no strike of 300"),
    ],
)
def test_a_contract_other_than_the_advice_says_is_refused(symbol: str, said: str) -> None:
    """Else a restricted ticker would be traded under another's name, an expired one as a fresh."""
    assert nonsense(a_call(option=an_option(symbol=symbol))) == f"option symbol {symbol} {said}"


def test_an_adjusted_contract_is_refused_as_it_stands_for_other_than_100_shares() -> None:
    fault = nonsense(a_call(option=an_option(symbol="MSFT1220414C00300000")))
    assert fault == "option symbol MSFT1220414C00300000 is not of ticker MSFT"


def test_a_contract_does_not_expire_a_century_later() -> None:
    fault = nonsense(a_call(option=an_option(expiry=date(2122, 4, 14))))
    assert fault == "option symbol MSFT220414C00300000 does not expire on 2122-04-14"


def test_a_strike_finer_than_a_symbol_can_say_is_refused() -> None:
    fault = nonsense(a_call(option=an_option(strike=Decimal("300.0001"))))
    assert fault == "option symbol MSFT220414C00300000 has no strike of 300.0001"
