"""Advice to sell a CALL or PUT means the contract that is held, where there is but one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from accounts.contracts import with_held_contract
from accounts.holdings import Position
from accounts.state import AccountState
from events.recommendation import Action, InstrumentType, OptionQuote, RecommendationIssued
from tests.builders import OPTION_SYMBOL, a_call, an_account, an_option

OTHER = "MSFT220414C00310000"
SELL = a_call(action=Action.SELL, option=None)


def holding(*symbols: str, kind: InstrumentType = InstrumentType.CALL) -> AccountState:
    """Return an account that holds two of each contract on MSFT."""
    state = an_account()
    for symbol in symbols:
        position = Position(
            ticker="MSFT",
            symbol=symbol,
            instrument_type=kind,
            multiplier=100,
            quantity=Decimal(2),
            cost=Decimal(1_000),
        )
        state = replace(state, positions=state.positions.set(symbol, position))
    return state


def test_the_one_that_is_held_is_sold_without_an_advised_price() -> None:
    plain = an_option()

    assert with_held_contract(holding(OPTION_SYMBOL), SELL).option == OptionQuote(
        symbol=OPTION_SYMBOL, strike=plain.strike, expiry=plain.expiry
    )


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        (holding(OPTION_SYMBOL, OTHER), SELL),
        (holding(), SELL),
        (holding(OPTION_SYMBOL, kind=InstrumentType.PUT), SELL),
        (holding(OPTION_SYMBOL), replace(SELL, ticker="AAPL")),
        (holding(OPTION_SYMBOL), replace(SELL, action=Action.BUY)),
        (holding(OPTION_SYMBOL), a_call(action=Action.SELL, option=an_option(symbol=OTHER))),
        (holding("MSFT"), replace(SELL, instrument_type=InstrumentType.STOCK)),
    ],
    ids=["several", "none", "a put", "another stock's", "a purchase", "named", "stock"],
)
def test_nothing_is_guessed(state: AccountState, advice: RecommendationIssued) -> None:
    assert with_held_contract(state, advice) is advice
