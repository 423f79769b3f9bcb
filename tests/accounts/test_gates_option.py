"""The gates over an option's own market."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.gates import GateInput
from accounts.limits import LARGE, TINY
from events.decision import Verdict
from events.recommendation import Action, StrategyType
from tests.accounts.asking import DECLINED, NOT_APPLICABLE, PASSED, ask, given, verdict
from tests.builders import a_call, a_market, an_account, an_option
from tests.order_builders import a_fill, an_intent

GATES = (
    "option_spread",
    "option_volume",
    "option_open_interest",
    "option_premium",
    "option_days_to_expiry",
)
DAY, SWING = StrategyType.DAY_TRADE, StrategyType.SWING_TRADE


def quoted(price: int | str = 5, /, **changes: Any) -> GateInput:  # noqa: ANN401 -- any field of the quote
    return given(a_call(option=an_option(**changes)), market=a_market(price))


@pytest.mark.parametrize("gate", GATES)
def test_a_stock_is_no_option(gate: str) -> None:
    assert verdict(gate, given()) is NOT_APPLICABLE


@pytest.mark.parametrize("gate", GATES)
def test_a_contract_is_left_however_poor_its_market_has_become(gate: str) -> None:
    bought = an_intent(1, quantity=1, price=5, option=an_option())
    dead = an_option(bid=None, volume=0, open_interest=None)
    sale = a_call(recommendation_id=2, action=Action.SELL, option=dead)

    asked = given(sale, state=an_account(bought, a_fill(bought, 1, 5)), market=a_market(5))

    assert asked.draft.closes
    assert verdict(gate, asked) is NOT_APPLICABLE


@pytest.mark.parametrize("gate", GATES)
def test_without_a_contract_every_option_gate_fails_closed(gate: str) -> None:
    assert verdict(gate, given(a_call(option=None), no_market=True)) is DECLINED


@pytest.mark.parametrize(
    ("bid", "ask_", "expected"),
    [
        ("4.75", "5.25", PASSED),
        ("4.74", "5.25", DECLINED),
        ("0", "5", DECLINED),
        ("0", "0", DECLINED),
        ("5.01", "5", DECLINED),
        (None, "5", DECLINED),
        ("5", None, DECLINED),
    ],
)
def test_option_spread_is_a_share_of_the_mid(
    bid: str | None, ask_: str | None, expected: Verdict
) -> None:
    asked = quoted(bid=bid and Decimal(bid), ask=ask_ and Decimal(ask_))

    assert verdict("option_spread", asked) is expected


def test_option_spread_believes_the_market_now_rather_than_the_advice() -> None:
    wide = a_market(5, bid=Decimal(4), ask=Decimal(6))

    result = ask("option_spread", given(a_call(), market=wide))

    assert (result.verdict, result.observed) == (DECLINED, "0.4000 of the mid")
    assert result.threshold == "at most 0.1 of the mid"


@pytest.mark.parametrize("what", ["volume", "open_interest"])
@pytest.mark.parametrize(("count", "expected"), [(100, PASSED), (99, DECLINED), (None, DECLINED)])
def test_too_little_trade_is_declined(what: str, count: int | None, expected: Verdict) -> None:
    changes: dict[str, Any] = {what: count}

    assert verdict(f"option_{what}", quoted(**changes)) is expected


@pytest.mark.parametrize(
    ("price", "expected"),
    [("0.99", DECLINED), ("1", PASSED), ("25", PASSED), ("25.01", DECLINED)],
)
def test_option_premium_is_that_of_a_hundred_shares(price: str, expected: Verdict) -> None:
    assert verdict("option_premium", quoted(price)) is expected


def test_option_premium_differs_by_account_and_strategy() -> None:
    assert verdict("option_premium", given(a_call(), market=a_market(6), limits=TINY)) is DECLINED
    dearest = LARGE.option_premium_max.set(DAY, Decimal(400))
    limits = replace(LARGE, option_premium_max=dearest)
    for strategy, expected in ((DAY, DECLINED), (SWING, PASSED)):
        asked = given(a_call(strategy_type=strategy), market=a_market(5), limits=limits)
        assert verdict("option_premium", asked) is expected


def test_option_premium_fails_closed_without_a_price_or_a_threshold() -> None:
    assert verdict("option_premium", given(a_call(), no_market=True)) is DECLINED
    unset = replace(LARGE, option_premium_max=LARGE.option_premium_max.delete(SWING))
    assert verdict("option_premium", given(a_call(), market=a_market(5), limits=unset)) is DECLINED


@pytest.mark.parametrize(
    ("strategy", "expiry", "expected"),
    [
        (SWING, date(2022, 3, 22), DECLINED),
        (SWING, date(2022, 3, 23), PASSED),
        (SWING, date(2022, 5, 15), PASSED),
        (SWING, date(2022, 5, 16), DECLINED),
        (DAY, date(2022, 3, 16), PASSED),
        (DAY, date(2022, 3, 15), DECLINED),
    ],
)
def test_option_days_to_expiry_by_strategy(
    strategy: StrategyType, expiry: date, expected: Verdict
) -> None:
    asked = given(a_call(strategy_type=strategy, option=an_option(expiry=expiry)))

    assert verdict("option_days_to_expiry", asked) is expected


def test_an_expired_contract_is_named_so() -> None:
    result = ask("option_days_to_expiry", quoted(expiry=date(2022, 3, 15)))

    assert (result.reason, result.observed) == ("it has expired", "-1 days")
