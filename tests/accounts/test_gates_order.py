"""The gates over the advice and over the order it becomes."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from immutables import Map

from accounts.gates import GateInput
from accounts.limits import LARGE
from events.decision import MarketSeen, Verdict
from events.order import Side
from events.recommendation import Action, InstrumentType, StrategyType
from tests.accounts.asking import (
    DECLINED,
    HOLDING,
    NOT_APPLICABLE,
    PASSED,
    SELL,
    ask,
    given,
    verdict,
)
from tests.builders import (
    NOW,
    OPTION_SYMBOL,
    a_call,
    a_market,
    a_recommendation,
    an_account,
    an_option,
)
from tests.order_builders import a_fill, an_intent

SHORTING = replace(LARGE, allow_shorting=True)


@pytest.mark.parametrize(
    ("age_seconds", "expected"),
    [(-2.000001, DECLINED), (-2, PASSED), (0, PASSED), (300, PASSED), (300.000001, DECLINED)],
)
def test_recommendation_freshness(age_seconds: float, expected: Verdict) -> None:
    asked = given(now=NOW + timedelta(seconds=age_seconds))

    assert verdict("recommendation_freshness", asked) is expected


def test_recommendation_freshness_holds_for_exits_too() -> None:
    asked = given(SELL, state=an_account(*HOLDING), now=NOW + timedelta(minutes=6))

    assert verdict("recommendation_freshness", asked) is DECLINED


@pytest.mark.parametrize(
    ("instrument", "strategy", "least"),
    [
        (InstrumentType.STOCK, StrategyType.DAY_TRADE, "0.35"),
        (InstrumentType.STOCK, StrategyType.SWING_TRADE, "0.35"),
        (InstrumentType.STOCK, StrategyType.CONSERVATIVE, "0.35"),
        (InstrumentType.CALL, StrategyType.DAY_TRADE, "0.60"),
        (InstrumentType.CALL, StrategyType.SWING_TRADE, "0.45"),
        (InstrumentType.PUT, StrategyType.CONSERVATIVE, "0.55"),
    ],
)
def test_confidence_by_instrument_and_strategy(
    instrument: InstrumentType, strategy: StrategyType, least: str
) -> None:
    def says(sure: Decimal) -> Verdict:
        advice = a_call(instrument_type=instrument, strategy_type=strategy, confidence=sure)
        return verdict("confidence", given(advice))

    assert says(Decimal(least)) is PASSED
    assert says(Decimal(least) - Decimal("0.000000001")) is DECLINED


def test_confidence_fails_closed_where_no_threshold_is_set() -> None:
    asked = given(limits=replace(LARGE, confidence_min=Map()))

    assert verdict("confidence", asked) is DECLINED


def test_low_conviction_does_not_keep_an_account_in_a_position() -> None:
    unsure = replace(SELL, confidence=Decimal(0))

    assert verdict("confidence", given(unsure, state=an_account(*HOLDING))) is NOT_APPLICABLE


@pytest.mark.parametrize(
    ("allowed", "expected"), [({"BUY_STOCK"}, PASSED), ({"BUY_CALL", "BUY_PUT"}, DECLINED)]
)
def test_action_allowed(allowed: set[str], expected: Verdict) -> None:
    limits = replace(LARGE, action_allowed=frozenset(allowed))

    assert verdict("action_allowed", given(limits=limits)) is expected


def test_action_allowed_declines_words_it_does_not_know() -> None:
    assert verdict("action_allowed", given(a_recommendation(action=Action.UNKNOWN))) is DECLINED


def test_no_short_selling_passes_the_sale_of_what_is_held() -> None:
    assert verdict("no_short_selling", given(SELL, state=an_account(*HOLDING))) is PASSED
    assert verdict("no_short_selling", given()) is NOT_APPLICABLE


def test_no_short_selling_declines_the_sale_of_what_is_not_held() -> None:
    assert verdict("no_short_selling", given(SELL)) is DECLINED
    assert verdict("no_short_selling", given(SELL, limits=SHORTING)) is PASSED


def test_no_short_selling_declines_what_only_is_on_its_way_in() -> None:
    assert verdict("no_short_selling", given(SELL, state=an_account(an_intent(900)))) is DECLINED


def test_contracts_are_never_sold_short() -> None:
    sell = a_call(action=Action.SELL)

    assert verdict("no_short_selling", given(sell, limits=SHORTING)) is DECLINED
    contract = an_intent(901, price=5, option=an_option())
    held = an_account(contract, a_fill(contract, price=5))
    assert verdict("no_short_selling", given(sell, state=held, market=a_market(5))) is PASSED


def test_order_size_passes_on_sizings_sentence() -> None:
    result = ask("order_size", given())

    assert (result.verdict, result.observed) == (PASSED, "24")
    assert "capped at $2500.00 by max_order_notional" in result.reason


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (given(a_call(option=None)), "names no option contract"),
        (given(no_market=True), "no price to order at"),
        (given(a_recommendation(stop=None, recent_volatility=None)), "neither a stop nor"),
        (given(a_recommendation(action=Action.UNKNOWN)), "no price to order at"),
    ],
)
def test_order_size_declines_with_the_reason_there_is_nothing_to_order(
    asked: GateInput, reason: str
) -> None:
    result = ask("order_size", asked)

    assert (result.verdict, result.observed) == (DECLINED, "0")
    assert reason in result.reason


@pytest.mark.parametrize(
    ("quantity", "expected"), [("24.752475247", PASSED), ("24.752475248", DECLINED)]
)
def test_max_order_notional_at_the_worst_price(quantity: str, expected: Verdict) -> None:
    asked = given()
    sized = replace(asked.sized, quantity=Decimal(quantity))

    assert verdict("max_order_notional", replace(asked, sized=sized)) is expected


def test_max_order_notional_counts_a_contract_a_hundred_times() -> None:
    asked = given(a_call(), market=a_market(5))  # at worst $5.50, so $550 a contract
    sized = replace(asked.sized, quantity=Decimal(5))

    result = ask("max_order_notional", replace(asked, sized=sized))
    assert (result.verdict, result.observed) == (DECLINED, "$2750.00")


def test_max_order_notional_lets_a_grown_position_be_closed_whole() -> None:
    asked = given(
        SELL,
        state=an_account(*HOLDING),
        limits=replace(LARGE, max_order_notional=Decimal(1)),
    )

    assert verdict("max_order_notional", asked) is NOT_APPLICABLE
    assert asked.sized.quantity == 10


def test_max_order_notional_fails_closed_without_a_price() -> None:
    assert verdict("max_order_notional", given(no_market=True)) is DECLINED


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        (a_market("101"), PASSED),
        (a_market("101.01"), DECLINED),
        (a_market("99"), PASSED),
        (a_market("98.99"), DECLINED),
        (a_market(100, ask=Decimal("101.01")), DECLINED),
        (a_market(102, ask=Decimal(101)), PASSED),
        (a_market(100, bid=Decimal(1)), PASSED),
        (a_market(0), DECLINED),
    ],
)
def test_price_collar_of_a_purchase(market: MarketSeen, expected: Verdict) -> None:
    assert verdict("price_collar", given(market=market)) is expected


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        (a_market("97"), PASSED),
        (a_market("96.99"), DECLINED),
        (a_market(100, bid=Decimal("96.99")), DECLINED),
        (a_market(100, ask=Decimal(200)), PASSED),
    ],
)
def test_price_collar_of_a_sale(market: MarketSeen, expected: Verdict) -> None:
    asked = given(SELL, state=an_account(*HOLDING), market=market)

    assert verdict("price_collar", asked) is expected


def test_price_collar_of_an_option_is_its_own_around_the_contracts_mid() -> None:
    assert verdict("price_collar", given(a_call(), market=a_market("5.50"))) is PASSED
    result = ask("price_collar", given(a_call(), market=a_market("5.51")))
    assert (result.verdict, result.threshold) == (DECLINED, "5 within 1000 bps")


@pytest.mark.parametrize(
    ("ask_price", "expected"), [("5.25", PASSED), ("6.99", DECLINED)], ids=["tight", "torn apart"]
)
def test_a_contract_that_the_advice_names_no_price_of_has_its_own_quote_for_a_collar(
    ask_price: str, expected: Verdict
) -> None:
    advice = a_call(option=an_option(bid=None, ask=None))
    market = a_market(5, bid=Decimal("4.75"), ask=Decimal(ask_price))

    result = ask("price_collar", given(advice, market=market))

    assert result.verdict is expected
    assert "names no price of the contract" in result.reason


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (given(no_market=True), "there is no market price"),
        (given(a_call(option=None), market=a_market(5)), "the option contract is not named"),
        (
            given(a_call(option=an_option(bid=None, ask=None)), market=a_market(5)),
            "the advice names no price",
        ),
        (
            given(a_recommendation(reference_price=Decimal("0.00004")), market=a_market("0.00004")),
            "the limit rounds to nothing",
        ),
    ],
)
def test_price_collar_fails_closed(asked: GateInput, reason: str) -> None:
    result = ask("price_collar", asked)

    assert (result.verdict, result.reason) == (DECLINED, reason)


@pytest.mark.parametrize(
    ("changes", "price", "limit", "worst"),
    [
        ({"reference_price": Decimal("33.33")}, "33.33", "33.66", "33.66"),
        ({"reference_price": Decimal("0.3333")}, "0.3333", "0.3366", "0.3366"),
        ({"reference_price": Decimal("0.995")}, "0.995", "1.00", "1.00"),
    ],
)
def test_a_purchases_limit_is_rounded_down_to_the_tick(
    changes: dict[str, Any], price: str, limit: str, worst: str
) -> None:
    draft = given(a_recommendation(**changes), market=a_market(price)).draft

    assert (str(draft.limit_price), str(draft.worst_price)) == (limit, worst)


@pytest.mark.parametrize(
    ("reference", "limit"), [("33.33", "32.34"), ("0.3333", "0.3234"), ("1.03", "0.9991")]
)
def test_a_sales_limit_is_rounded_up_to_the_tick(reference: str, limit: str) -> None:
    advice = replace(SELL, reference_price=Decimal(reference))
    draft = given(advice, state=an_account(*HOLDING), market=a_market(reference)).draft

    assert draft.limit_price == Decimal(limit)


def test_a_short_sale_is_reserved_at_the_upper_edge() -> None:
    draft = given(SELL, limits=SHORTING).draft

    assert (draft.side, draft.closes) == (Side.SELL, False)
    assert (str(draft.limit_price), str(draft.worst_price)) == ("99.00", "101.00")


def test_a_contract_is_quoted_in_cents_however_cheap() -> None:
    cheap = a_call(option=an_option(bid=Decimal("0.30"), ask=Decimal("0.34")))
    draft = given(cheap, market=a_market("0.32")).draft

    assert (draft.symbol, str(draft.limit_price)) == (OPTION_SYMBOL, "0.35")


def test_an_exit_is_given_a_wider_collar_of_its_own() -> None:
    held = an_account(*HOLDING)

    assert given(SELL, state=held).draft.collar_bps == 300
    assert given().draft.collar_bps == 100


def test_what_is_held_may_be_closed_though_its_action_is_not_traded() -> None:
    buys_only = replace(LARGE, action_allowed=frozenset({"BUY_STOCK"}))

    asked = given(SELL, state=an_account(*HOLDING), limits=buys_only)

    assert verdict("action_allowed", asked) is NOT_APPLICABLE


def test_order_rate_counts_every_order_of_the_last_minute() -> None:
    orders = [an_intent(n, f"T{n}", at=NOW - timedelta(seconds=59 - n)) for n in range(3)]
    three, four = (replace(LARGE, max_orders_per_minute=n) for n in (3, 4))

    result = ask("order_rate", given(state=an_account(*orders), limits=three))
    assert (result.verdict, result.observed) == (DECLINED, "3 this minute, 3 today")
    assert verdict("order_rate", given(state=an_account(*orders), limits=four)) is PASSED
    later = given(state=an_account(*orders), limits=three, now=NOW + timedelta(minutes=1))
    assert verdict("order_rate", later) is PASSED


def test_order_rate_counts_every_order_of_the_new_york_day() -> None:
    orders = [an_intent(n, f"T{n}", at=NOW - timedelta(hours=n + 1)) for n in range(3)]
    limits = replace(LARGE, max_orders_per_day=3)

    assert verdict("order_rate", given(state=an_account(*orders), limits=limits)) is DECLINED
    tomorrow = given(state=an_account(*orders), limits=limits, now=NOW + timedelta(days=1))
    assert verdict("order_rate", tomorrow) is PASSED


def test_order_rate_never_holds_an_exit_back() -> None:
    none = replace(LARGE, max_orders_per_minute=0, max_orders_per_day=0)

    asked = given(SELL, state=an_account(*HOLDING), limits=none)

    assert verdict("order_rate", asked) is NOT_APPLICABLE
    assert verdict("order_rate", given(limits=none)) is DECLINED
