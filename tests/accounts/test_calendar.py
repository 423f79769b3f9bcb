"""The exchange's calendar against the days on which it really traded."""

import csv
import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from accounts.calendar import exchange_day, session

CLOSES = (
    Path(__file__).parents[2] / "examples/signal_engine/data/sp500_20_daily_close_1990_2022.csv.gz"
)


@pytest.fixture(scope="module")
def days() -> list[date]:
    with gzip.open(CLOSES, "rt", encoding="utf-8") as lines:
        return [date.fromisoformat(row["Date"]) for row in csv.DictReader(lines)]


def test_the_exchange_was_open_on_every_day_that_has_closes(days: list[date]) -> None:
    assert len(days) == 8_313
    assert [day for day in days if session(day) is None] == []


def test_no_open_day_of_those_33_years_lacks_its_closes(days: list[date]) -> None:
    every = {days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)}

    assert [day for day in sorted(every - set(days)) if session(day) is not None] == []


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2022, 3, 19), "a Saturday"),
        (date(2022, 4, 15), "Good Friday"),
        (date(2022, 6, 20), "Juneteenth, observed"),
        (date(2001, 9, 11), "the attacks"),
        (date(2012, 10, 29), "hurricane Sandy"),
    ],
)
def test_the_exchange_stays_closed(day: date, why: str) -> None:
    assert session(day) is None, why


def test_a_session_is_half_past_nine_to_four_in_new_york_summer_and_winter() -> None:
    winter, summer = session(date(2022, 3, 11)), session(date(2022, 3, 14))

    assert winter is not None
    assert summer is not None
    assert (winter.open_at.hour, winter.close_at.hour) == (14, 21)
    assert (summer.open_at.hour, summer.close_at.hour) == (13, 20)
    assert not winter.is_half


def test_the_day_after_thanksgiving_ends_at_one() -> None:
    half = session(date(2022, 11, 25))

    assert half is not None
    assert half.is_half
    assert half.close_at == datetime(2022, 11, 25, 18, tzinfo=UTC)


def test_the_exchanges_day_is_new_yorks_not_utcs() -> None:
    assert exchange_day(datetime(2022, 3, 17, 3, 59, tzinfo=UTC)) == date(2022, 3, 16)
    assert exchange_day(datetime(2022, 3, 17, 4, 0, tzinfo=UTC)) == date(2022, 3, 17)
