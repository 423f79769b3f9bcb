"""Limits by instrument and strategy: written in a file, kept on a log, read back, explained."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from immutables import Map

from accounts.limits import LARGE, TINY
from accounts.special_limits import SpecialLimits, limits_for
from consumers.dispatcher.brokerage import MarketByKind
from consumers.errors import ConfigurationError
from consumers.settings import Settings, load_settings
from consumers.settings_hash import config_hash, limits_json
from consumers.settings_limits import (
    UnclearLimit,
    difference,
    limits_from_json,
    present_limits,
    with_limits,
)
from consumers.settings_origin import explained
from events.recommendation import InstrumentType, RecommendationIssued, StrategyType
from tests.builders import a_call, a_recommendation

CALL, DAY = InstrumentType.CALL, StrategyType.DAY_TRADE
EXAMPLE = Path(__file__).parents[2] / "examples" / "dispatcher.toml"
ENTRIES = """
[[accounts.tiny.limits.special]]
instrument = "CALL"
strategy = "DAY_TRADE"
max_contracts = 1

[[accounts.tiny.limits.special]]
instrument = "call"
max_order_notional = 300.50
option_premium_max = { swing_trade = 250 }
"""
WRITTEN = replace(
    TINY,
    special=(
        SpecialLimits(instrument=CALL, strategy=DAY, max_contracts=1),
        SpecialLimits(
            instrument=CALL,
            max_order_notional=Decimal("300.50"),
            option_premium_max=Map({StrategyType.SWING_TRADE: Decimal(250)}),
        ),
    ),
)


def loaded(folder: Path, entries: str = ENTRIES, **environ: str) -> Settings:
    file = folder / "dispatcher.toml"
    file.write_text(EXAMPLE.read_text("utf-8") + entries, encoding="utf-8")
    return load_settings(file, environ)


def entry(text: str) -> str:
    return f"\n[[accounts.tiny.limits.special]]\n{text}\n"


def test_what_is_written_in_the_file_is_what_orders_go_by(tmp_path: Path) -> None:
    limits = loaded(tmp_path).account("tiny").limits()

    assert limits == WRITTEN
    assert limits_for(limits, CALL, DAY).max_order_notional == Decimal("300.50")


def test_special_limits_are_read_back_from_a_log_whole(tmp_path: Path) -> None:
    account = loaded(tmp_path).account("tiny")

    assert limits_from_json(limits_json(account)) == WRITTEN
    assert present_limits(account, limits_json(account)).differing == {}


def test_special_limits_are_part_of_the_configuration_s_hash(tmp_path: Path) -> None:
    without = loaded(tmp_path, "").account("tiny")
    other = loaded(tmp_path, ENTRIES.replace("300.50", "300.51")).account("tiny")

    hashes = {config_hash(one) for one in (without, other, loaded(tmp_path).account("tiny"))}

    assert len(hashes) == 3
    assert "special" not in limits_json(without)  # who has none has the hash of before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('instrument = "CALL"\nmax_open_positions = 1', "it concerns the whole account"),
        ('instrument = "CALL"\nmax_daily_loss = 1', "cannot hold max_daily_loss"),
        ('instrument = "CALL"\ndisabled_gates = []', "cannot hold disabled_gates"),
        ('instrument = "CALL"\nmax_orders_per_day = 1', "cannot hold max_orders_per_day"),
        ('instrument = "CALL"\nconfidence_min = {}', "names instruments and strategies itself"),
        ('instrument = "CALL"\nmax_contract = 1', "max_contract is not a known key"),
        ('instrument = "WARRANT"\nmax_contracts = 1', "instrument must be one of CALL, PUT, STOCK"),
        ('instrument = "CALL"', "an entry without any limit"),
        ("max_contracts = 1", "names no instrument and no strategy"),
        ('strategy = "day_trade"\nmax_contracts = -1', "max_contracts is below 0"),
        ('strategy = "day_trade"\nbrackets = "DAY"', 'needs mode = "ALPACA_PAPER"'),
    ],
)
def test_what_cannot_be_special_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        loaded(tmp_path, entry(text))


def test_an_environment_variable_cannot_hold_a_list_of_tables(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="only the configuration's file can hold it"):
        loaded(tmp_path, "", DISPATCHER__ACCOUNTS__TINY__LIMITS__SPECIAL="CALL")


def test_each_special_limit_is_explained_with_the_line_it_stands_in(tmp_path: Path) -> None:
    loaded(tmp_path)
    file = tmp_path / "dispatcher.toml"
    lines = file.read_text("utf-8").splitlines()

    found = {one.key.partition(".special.")[2]: one for one in explained(file, {}).values}

    assert found["CALL.day_trade.max_contracts"].value == 1
    assert found["CALL.max_order_notional"].value == "300.50"
    assert found["CALL.option_premium_max.swing_trade"].value == "250"
    number = lines.index("max_order_notional = 300.50") + 1
    assert found["CALL.max_order_notional"].where == f"{file}:{number}"


def test_a_change_on_the_command_line_leaves_special_limits_as_they_are() -> None:
    found = with_limits(WRITTEN, ["max_order_notional=600"])

    assert found == replace(WRITTEN, max_order_notional=Decimal(600))


@pytest.mark.parametrize("change", ["special=CALL", "special.CALL.max_contracts=2"])
def test_special_limits_cannot_be_changed_on_a_command_line(change: str) -> None:
    with pytest.raises(UnclearLimit, match="only the configuration's file can hold it"):
        with_limits(WRITTEN, [change])


def test_special_limits_are_told_apart_by_their_full_names() -> None:
    other = replace(WRITTEN, special=WRITTEN.special[:1])

    assert difference(LARGE, replace(LARGE, special=other.special)) == {
        "special.CALL.day_trade.max_contracts": (None, 1)
    }
    assert set(difference(WRITTEN, other)) == {
        "special.CALL.max_order_notional",
        "special.CALL.option_premium_max.swing_trade",
    }


def test_a_contract_is_chosen_by_the_special_limits_of_its_kind() -> None:
    asked: list[tuple[InstrumentType, StrategyType, RecommendationIssued]] = []

    class _Market:
        def __init__(self, instrument: InstrumentType, strategy: StrategyType) -> None:
            self._kind = instrument, strategy

        def view(self, recommendation: RecommendationIssued) -> None:
            asked.append((*self._kind, recommendation))

    market = MarketByKind(_Market)
    for advice in (a_call(), a_recommendation(strategy_type=DAY)):
        market.view(advice)

    assert [kind[:2] for kind in asked] == [
        (advice.instrument_type, advice.strategy_type) for *_, advice in asked
    ]
    assert len(asked) == 2
