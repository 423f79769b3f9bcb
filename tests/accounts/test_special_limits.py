"""Limits that differ by instrument and strategy: which of them an order goes by."""

from dataclasses import fields, replace
from decimal import Decimal
from typing import get_type_hints

import pytest
from immutables import Map

from accounts.decide import decide
from accounts.limits import LARGE, TINY, Brackets, Limits, SizingMethod, by_strategy
from accounts.special_limits import (
    KEYS,
    WHY_NOT,
    SpecialLimits,
    ask_for_brackets,
    limits_for,
    without_brackets,
)
from events.order import OrderIntended, OrderType
from events.recommendation import InstrumentType, StrategyType
from events.records import unwrapped
from tests.accounts.asking import DECLINED, PASSED, ask, given, verdict
from tests.builders import a_call, a_context, a_market, a_recommendation, an_account

CALL, STOCK = InstrumentType.CALL, InstrumentType.STOCK
DAY, SWING = StrategyType.DAY_TRADE, StrategyType.SWING_TRADE


def with_special(*entries: SpecialLimits, limits: Limits = LARGE) -> Limits:
    return replace(limits, special=entries)


def test_every_limit_may_be_special_or_says_why_not() -> None:
    ours, theirs = get_type_hints(Limits), get_type_hints(SpecialLimits)

    assert {field.name for field in fields(Limits)} - {"special"} == {*KEYS, *WHY_NOT}
    assert not WHY_NOT.keys() & set(KEYS)
    assert {key: unwrapped(theirs[key])[0] for key in KEYS} == {key: ours[key] for key in KEYS}


def test_orders_of_another_kind_go_by_the_account_s_own_limits() -> None:
    limits = with_special(SpecialLimits(instrument=CALL, max_contracts=1))

    assert limits_for(limits, CALL, SWING).max_contracts == 1
    assert limits_for(limits, STOCK, SWING) is limits
    assert limits_for(LARGE, CALL, SWING) is LARGE


def test_the_limits_of_a_kind_are_made_once() -> None:
    limits = with_special(SpecialLimits(instrument=CALL, max_contracts=1))

    assert limits_for(limits, CALL, SWING) is limits_for(limits, CALL, SWING)


def test_the_nearest_entry_comes_first_and_leaves_the_rest_to_the_next() -> None:
    limits = with_special(
        SpecialLimits(instrument=CALL, strategy=DAY, max_contracts=1),
        SpecialLimits(instrument=CALL, max_contracts=5, max_order_notional=Decimal(700)),
        SpecialLimits(strategy=DAY, ticker_daily_limit=9),
    )

    found = limits_for(limits, CALL, DAY)

    assert (found.max_contracts, found.max_order_notional, found.ticker_daily_limit) == (
        1,
        Decimal(700),
        9,
    )
    swing = limits_for(limits, CALL, SWING)
    assert (swing.max_contracts, swing.max_order_notional, swing.ticker_daily_limit) == (
        5,
        Decimal(700),
        2,
    )


def test_a_map_replaces_the_strategies_that_it_names() -> None:
    vix = Map({DAY: Decimal(11)})
    limits = with_special(SpecialLimits(instrument=CALL, vix_max=vix))

    found = limits_for(limits, CALL, DAY)

    assert found.vix_max == LARGE.vix_max.update(vix)
    assert found.vix_max[SWING] == 40


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([SpecialLimits(max_contracts=1)], "names no instrument and no strategy"),
        (
            [SpecialLimits(instrument=CALL, max_contracts=n) for n in (1, 2)],
            "special.CALL is there twice",
        ),
        (
            [
                SpecialLimits(instrument=CALL, max_contracts=1),
                SpecialLimits(strategy=DAY, max_contracts=2),
            ],
            "special.CALL and special.day_trade both set max_contracts.*CALL and day_trade",
        ),
        ([SpecialLimits(instrument=STOCK, max_contracts=1)], "it is about contracts"),
        ([SpecialLimits(instrument=CALL, price_collar_bps=1)], "it is about shares"),
        (
            [SpecialLimits(strategy=DAY, vix_max=by_strategy(*[Decimal(9)] * 3))],
            "vix_max.swing_trade would never count",
        ),
        (
            [SpecialLimits(instrument=CALL, max_order_notional=Decimal(0))],
            "for CALL day_trade: max_order_notional is not a positive amount",
        ),
        (
            [
                SpecialLimits(instrument=CALL, option_premium_min=Map({DAY: Decimal(2_400)})),
                SpecialLimits(strategy=DAY, option_premium_max=Map({DAY: Decimal(300)})),
            ],
            "for CALL day_trade: option_premium_min.day_trade is above",
        ),
    ],
)
def test_special_limits_that_make_no_sense_are_refused(
    entries: list[SpecialLimits], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        with_special(*entries)


def test_an_entry_may_be_sound_by_the_next_one_alone() -> None:
    limits = with_special(
        SpecialLimits(instrument=CALL, option_premium_min=Map({DAY: Decimal(50)})),
        SpecialLimits(instrument=CALL, strategy=DAY, option_premium_max=Map({DAY: Decimal(80)})),
    )

    found = limits_for(limits, CALL, DAY)

    assert found.option_premium_min[DAY] == 50
    assert found.option_premium_max[DAY] == 80


def test_two_entries_that_clash_are_settled_by_one_for_both() -> None:
    limits = with_special(
        SpecialLimits(instrument=CALL, max_contracts=1),
        SpecialLimits(strategy=DAY, max_contracts=2),
        SpecialLimits(instrument=CALL, strategy=DAY, max_contracts=3),
    )

    assert limits_for(limits, CALL, DAY).max_contracts == 3


def test_market_orders_of_a_strategy_that_keeps_to_the_session_are_no_contradiction() -> None:
    extended = replace(LARGE, extended_hours=frozenset({"swing_trade"}))

    limits = with_special(SpecialLimits(strategy=DAY, order_type=OrderType.MARKET), limits=extended)

    assert limits_for(limits, STOCK, DAY).order_type is OrderType.MARKET
    assert limits_for(limits, STOCK, SWING).extended_hours == {"swing_trade"}
    with pytest.raises(ValueError, match=r"for STOCK swing_trade: extended_hours needs"):
        with_special(SpecialLimits(strategy=SWING, order_type=OrderType.MARKET), limits=extended)


def test_gates_go_by_what_is_special_and_say_so() -> None:
    limits = with_special(SpecialLimits(instrument=CALL, option_volume_min=5_000))

    result = ask("option_volume", given(a_call(), limits=limits))

    assert result.verdict is DECLINED
    assert result.threshold == "at least 5000"
    assert verdict("option_volume", given(a_call())) is PASSED


def test_the_size_of_an_order_goes_by_what_is_special() -> None:
    limits = with_special(
        SpecialLimits(
            strategy=SWING,
            sizing_method=SizingMethod.FIXED_NOTIONAL,
            fixed_notional=Decimal(300),
            max_order_notional=Decimal(250),
        )
    )

    swing = given(a_recommendation(strategy_type=SWING), limits=limits)
    day = given(a_recommendation(strategy_type=DAY), limits=limits)

    assert swing.sized.how.startswith("$300.00 for each entry, capped at $250.00")
    assert swing.sized.quantity == 2
    assert day.sized.quantity == given(a_recommendation(strategy_type=DAY)).sized.quantity > 2


def test_the_order_itself_goes_by_what_is_special() -> None:
    limits = with_special(
        SpecialLimits(
            instrument=STOCK,
            strategy=SWING,
            order_type=OrderType.MARKET,
            recommendation_freshness_seconds=77,
            brackets=Brackets.GTC,
        )
    )
    advice = a_recommendation(strategy_type=SWING, target=Decimal(120))

    intent = decide(an_account(), advice, a_market(), limits, a_context())

    assert isinstance(intent, OrderIntended)
    assert intent.terms.order_type is OrderType.MARKET
    assert intent.terms.take_profit == 120
    assert (intent.fresh_until - intent.issued_at).total_seconds() == 77


def test_brackets_are_asked_for_and_taken_away_wherever_they_stand() -> None:
    limits = with_special(SpecialLimits(strategy=SWING, brackets=Brackets.DAY), limits=TINY)

    assert ask_for_brackets(limits)
    assert not ask_for_brackets(without_brackets(limits))
    assert not ask_for_brackets(TINY)
