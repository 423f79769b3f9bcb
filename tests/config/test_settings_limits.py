"""Limits that come as text: from a log, from a command line."""

import json
from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.limits import LARGE, TINY, Limits
from consumers.errors import ConfigurationError
from consumers.settings import load_settings
from consumers.settings_hash import limits_json
from consumers.settings_limits import UnclearLimit, difference, limits_from_json, with_limits
from events.order import OrderType
from events.recommendation import InstrumentType, StrategyType

EXAMPLE = Path(__file__).parents[2] / "examples" / "dispatcher.toml"


@pytest.mark.parametrize(("account", "limits"), [("large-default", LARGE), ("tiny", TINY)])
def test_the_limits_that_a_start_writes_on_the_log_are_read_back_whole(
    account: str, limits: Limits
) -> None:
    written = limits_json(load_settings(EXAMPLE, {}).account(account))

    assert limits_from_json(written) == limits


def test_limits_of_another_build_are_read_as_far_as_they_are_known() -> None:
    told = json.loads(limits_json(load_settings(EXAMPLE, {}).account("tiny")))
    del told["ticker_daily_limit"]
    told |= {"moon_phase": "waxing", "max_open_positions": 4}

    found = limits_from_json(json.dumps(told))

    assert found == replace(TINY, max_open_positions=4)


@pytest.mark.parametrize("text", ["", "[]", '{"max_open_positions":"many"}', "{}"])
def test_limits_that_are_none_are_refused_in_words(text: str) -> None:
    with pytest.raises(ConfigurationError, match="of another build"):
        limits_from_json(text)


def test_a_command_line_changes_limits_by_the_names_of_the_configuration() -> None:
    found = with_limits(
        LARGE,
        [
            "max_open_positions=3",
            "max_notional_exposure=12500.50",
            "order_type=market",
            "allow_shorting=true",
            "disabled_gates=trading_hours,price_collar",
            "confidence_min.STOCK.swing_trade=0.7",
            "entry_cutoff.day_trade=12:30",
        ],
    )

    assert found.max_open_positions == 3
    assert found.max_notional_exposure == Decimal("12500.50")
    assert found.order_type is OrderType.MARKET
    assert found.allow_shorting
    assert found.disabled_gates == {"trading_hours", "price_collar"}
    swing = InstrumentType.STOCK, StrategyType.SWING_TRADE
    assert found.confidence_min[swing] == Decimal("0.7")
    assert {key for key in LARGE.confidence_min if key != swing} == {
        key
        for key in LARGE.confidence_min
        if key != swing and found.confidence_min[key] == LARGE.confidence_min[key]
    }
    assert found.entry_cutoff[StrategyType.DAY_TRADE] == time(12, 30)
    assert found.entry_cutoff[StrategyType.SWING_TRADE] == time(15)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("max_open_position=3", "near it are max_open_positions"),
        ("qqq=3", "there are max_open_positions"),
        ("max_open_positions", "says no value"),
        ("max_open_positions=three", "max_open_positions should be a valid integer"),
        ("max_open_positions=-1", "max_open_positions is below 0"),
        ("fixed_notional=1e4", "fixed_notional must be a number"),
        ("max_share_of_equity=2", "max_share_of_equity is not above 0 and at most 1"),
        ("confidence_min.STOCK.scalping=1", "must be one of"),
        ("disabled_gates=account_active", "always on"),
        ("confidence_min=1", "confidence_min should be a valid dictionary"),
    ],
)
def test_a_change_that_is_none_is_refused_by_name(change: str, words: str) -> None:
    with pytest.raises(UnclearLimit, match=words):
        with_limits(LARGE, [change])


def test_limits_are_told_apart_by_name_and_by_key() -> None:
    ours = with_limits(LARGE, ["max_open_positions=3", "confidence_min.STOCK.swing_trade=0.7"])

    assert difference(ours, LARGE) == {
        "max_open_positions": (3, 5),
        "confidence_min.STOCK.swing_trade": (Decimal("0.7"), Decimal("0.35")),
    }
    assert difference(LARGE, LARGE) == {}
