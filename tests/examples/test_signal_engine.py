import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from examples.signal_engine import recommendations
from examples.signal_engine.__main__ import main
from examples.signal_engine.engine import issue
from examples.signal_engine.prices import load

Line = dict[str, object]
FIRST, LAST = date(1990, 1, 2), date(2022, 12, 28)
KEYS: Final = [
    "recommendation_id",
    "run_id",
    "ticker",
    "action",
    "instrument_type",
    "strategy_type",
    "confidence",
    "issued_at",
    "bar_at",
    "features_at",
    "reference_price",
    "bid",
    "ask",
    "recent_volatility",
    "vix",
    "stop",
    "target",
    "max_hold_minutes",
    "option",
    "reason",
    "features_snapshot",
    "sentiment_snapshot",
]
FOLLOWS_THE_PRICE: Final = {"reference_price", "stop", "target"}


@cache
def everything() -> tuple[Line, ...]:
    return tuple(recommendations(FIRST, LAST))


def buys() -> list[Line]:
    return [one for one in everything() if one["action"] == "BUY"]


def number(value: object) -> Decimal:
    assert isinstance(value, str)
    return Decimal(value)


def moment(value: object) -> datetime:
    assert isinstance(value, str)
    assert value.endswith("Z")
    return datetime.fromisoformat(value)


def day_of(one: Line) -> date:
    return moment(one["issued_at"]).astimezone(ZoneInfo("America/New_York")).date()


def decision(one: Line) -> Line:
    return {key: value for key, value in one.items() if key not in FOLLOWS_THE_PRICE}


@pytest.mark.parametrize("factor", [Decimal("0.5"), Decimal("1.8")])
@pytest.mark.parametrize("day", [date(1994, 4, 4), date(1998, 8, 31), date(2007, 10, 5)])
def test_a_recommendation_knows_no_close_of_its_own_day_or_later(
    day: date, factor: Decimal
) -> None:
    history = load()
    cut = history.days.index(day)
    other_future = replace(
        history,
        closes=tuple(
            closes[:cut] + tuple(close * factor for close in closes[cut:])
            for closes in history.closes
        ),
    )
    start, end = day - timedelta(days=120), day + timedelta(days=10)
    known = [one for one in issue(history, start, end) if day_of(one) <= day]
    surprised = [one for one in issue(other_future, start, end) if day_of(one) <= day]

    assert any(day_of(one) == day for one in known)
    assert [*map(decision, surprised)] == [*map(decision, known)]
    before = [one for one in known if day_of(one) < day]
    assert [one for one in surprised if day_of(one) < day] == before


def test_the_closes_of_the_days_before_do_matter() -> None:
    history = load()
    cut = history.days.index(date(1998, 8, 31))
    other_past = replace(
        history,
        closes=tuple(
            (*closes[: cut - 1], closes[cut - 1] * 2, *closes[cut:]) for closes in history.closes
        ),
    )
    day = history.days[cut]
    assert [*map(decision, issue(other_past, day, day))] != [
        *map(decision, issue(history, day, day))
    ]


def test_the_whole_history_has_at_least_20000_recommendations() -> None:
    assert 20_000 <= len(everything()) < 60_000


def test_the_years_from_2014_on_have_5000_to_12000_recommendations() -> None:
    assert 5_000 <= sum(day_of(one).year >= 2014 for one in everything()) <= 12_000


def test_every_sell_follows_an_advice_to_buy() -> None:
    for window in (everything(), recommendations(date(2008, 10, 1), date(2009, 12, 31))):
        advised: set[object] = set()
        for one in window:
            if one["action"] == "BUY":
                advised.add(one["ticker"])
            else:
                advised.remove(one["ticker"])


def test_no_line_of_advice_outlives_its_holding_time_by_more_than_a_long_weekend() -> None:
    ends: dict[object, datetime] = {}
    for one in everything():
        issued_at = moment(one["issued_at"])
        if (end := ends.get(one["ticker"])) is not None:
            assert issued_at <= end + timedelta(days=8)
        if one["action"] == "SELL":
            del ends[one["ticker"]]
        else:
            held = one["max_hold_minutes"]
            assert isinstance(held, int)
            ends[one["ticker"]] = issued_at + timedelta(minutes=held)


def test_a_stop_that_a_close_reached_is_sold_the_next_trading_day() -> None:
    history = load()
    stops: dict[object, Decimal] = {}
    lines = {(day_of(one), one["ticker"]): one for one in everything()}
    for index, day in enumerate(history.days):
        for column, ticker in enumerate(history.tickers):
            one = lines.get((day, ticker))
            stop = stops.get(ticker)
            if stop is not None and history.closes[column][index - 1] <= stop:
                assert one is not None
                assert one["action"] == "SELL"
                assert str(one["reason"]).startswith("Stop: ")
            if one is not None and one["action"] == "BUY":
                stops[ticker] = number(one["stop"])
            elif one is not None:
                del stops[ticker]


def test_the_same_question_gets_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    answers = []
    for _ in range(2):
        load.cache_clear()
        assert main(["--from", "1996-01-01", "--to", "1996-12-31"]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert answers[0].count("\n") > 500


def test_ids_and_contents_do_not_depend_on_the_first_day_asked_for() -> None:
    start, end = date(2002, 6, 14), date(2003, 6, 13)
    late = list(recommendations(start, end))
    of_all = [one for one in everything() if start <= day_of(one) <= end]
    assert {one["recommendation_id"] for one in late} <= {o["recommendation_id"] for o in of_all}
    assert [o for o in late if o["action"] == "BUY"] == [o for o in of_all if o["action"] == "BUY"]
    unsold = [one for one in of_all if one not in late]
    # What was advised before and never repeated is the only thing whose end is not told.
    assert 0 < len(unsold) <= 20
    assert {one["action"] for one in unsold} == {"SELL"}


def test_ids_are_positive_unique_and_fit_64_bits() -> None:
    ids = [one["recommendation_id"] for one in everything()]
    assert len(set(ids)) == len(ids)
    assert all(isinstance(one, int) and 0 < one < 2**63 for one in ids)


def test_a_day_is_one_run() -> None:
    days_of_runs = {(one["run_id"], day_of(one)) for one in everything()}
    assert len({run for run, _ in days_of_runs}) == len(days_of_runs)
    assert len({day for _, day in days_of_runs}) == len(days_of_runs)
    assert all(UUID(str(run)).version == 5 for run, _ in days_of_runs)


def test_a_line_has_exactly_the_keys_of_the_contract() -> None:
    assert all(list(one) == KEYS for one in everything())


def test_a_ticker_is_advised_at_most_once_a_day() -> None:
    assert max(Counter((one["issued_at"], one["ticker"]) for one in everything()).values()) == 1


def test_prices_are_the_days_closes_and_positive() -> None:
    history = load()
    columns = dict(zip(history.tickers, history.closes, strict=True))
    rows = {day: index for index, day in enumerate(history.days)}
    for one in everything():
        price = number(one["reference_price"])
        assert price > 0
        assert price == columns[str(one["ticker"])][rows[day_of(one)]]


def test_the_stop_is_below_and_the_target_above_the_price_of_a_purchase() -> None:
    for one in buys():
        stop, price = number(one["stop"]), number(one["reference_price"])
        assert 0 < stop < price < number(one["target"])


def test_a_sale_has_neither_stop_nor_target_nor_holding_time() -> None:
    sales = [one for one in everything() if one["action"] == "SELL"]
    assert {(o["stop"], o["target"], o["max_hold_minutes"]) for o in sales} == {(None, None, None)}


def test_decimals_are_plain_text_that_fits_the_wire() -> None:
    scales = {"reference_price": 8, "stop": 8, "target": 8}
    scales |= {"confidence": 9, "recent_volatility": 9, "vix": 9}
    for one in everything():
        for key, digits in scales.items():
            text = one[key]
            if text is not None:
                assert isinstance(text, str)
                assert set(text) <= set("0123456789.")
                assert len(text.partition(".")[2]) <= digits


def test_confidence_spreads_so_that_a_threshold_declines_some_and_not_all() -> None:
    confidences = [number(one["confidence"]) for one in buys()]
    assert Decimal("0.2") <= min(confidences)
    assert max(confidences) <= Decimal("0.9")
    for threshold in (Decimal("0.35"), Decimal("0.45"), Decimal("0.7")):
        below = sum(one < threshold for one in confidences) / len(confidences)
        assert 0.2 < below < 0.95


def test_the_volatility_index_is_the_previous_trading_days_or_what_stands_in_for_it() -> None:
    history = load()
    before = dict(zip(history.days[1:], history.days[:-1], strict=True))
    for one in everything():
        vix = history.vix.get(before[day_of(one)])
        assert (vix is not None) == (date(2014, 1, 6) <= day_of(one) <= date(2019, 1, 4))
        source = json.loads(str(one["features_snapshot"]))["vix_source"]
        assert (source == "index") == (vix is not None)
        assert one["vix"] == f"{vix:f}" if vix is not None else 3 < Decimal(str(one["vix"])) < 130


def test_the_stand_in_for_the_volatility_index_is_wild_when_the_market_was() -> None:
    found = {day_of(one): Decimal(str(one["vix"])) for one in everything()}
    crash = [vix for day, vix in found.items() if date(2020, 3, 16) <= day <= date(2020, 4, 3)]
    calm = [vix for day, vix in found.items() if day.year == 2021]
    assert min(crash) > 60
    assert max(calm) < 20


def test_everything_is_published_at_half_past_one_in_new_york_summer_and_winter() -> None:
    hours: set[int] = set()
    for one in everything():
        issued_at = moment(one["issued_at"])
        new_york = issued_at.astimezone(ZoneInfo("America/New_York"))
        assert (new_york.hour, new_york.minute, new_york.second) == (13, 30, 0)
        assert moment(one["bar_at"]) == issued_at - timedelta(minutes=1)
        assert moment(one["features_at"]) == issued_at - timedelta(minutes=2)
        hours.add(issued_at.astimezone(UTC).hour)
    assert hours == {17, 18}


def test_snapshots_are_canonical_json() -> None:
    for one in everything():
        text = one["features_snapshot"]
        assert isinstance(text, str)
        values = json.loads(text)
        assert text == json.dumps(values, sort_keys=True, separators=(",", ":"))
        assert all(isinstance(value, str) for value in values.values())


def test_every_strategy_and_every_kind_of_exit_occurs() -> None:
    kinds = Counter(str(one["reason"]).partition(":")[0] for one in everything())
    assert set(kinds) == {
        *("Breakout", "Pullback", "Steady rise"),
        *("Stop", "Target", "Time is up"),
        *("Trend broken", "Pullback over", "Rise over"),
    }
    strategies = {one["strategy_type"] for one in everything()}
    assert strategies == {"day_trade", "swing_trade", "conservative"}


def test_tickers_narrow_the_output_and_change_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--from", "1995-01-01", "--to", "1995-12-31", "--tickers", "AAPL,MSFT"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    year = recommendations(date(1995, 1, 1), date(1995, 12, 31))
    assert lines == [one for one in year if one["ticker"] in {"AAPL", "MSFT"}]
    assert lines


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tickers", "NOPE"],
        ["--from", "2014-02-30"],
        ["--from", "2015-01-02", "--to", "2015-01-01"],
    ],
)
def test_a_question_that_makes_no_sense_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err
