from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.door import UnclearError, _Option, _Recommendation, read_recommendation
from events.recommendation import OptionQuote, RecommendationIssued
from tests.cli.advice import line

REFUSED = [
    (line(reference_price="NaN"), "reference_price must be a decimal number"),
    (line(reference_price="1e400"), "reference_price must be a decimal number"),
    (line().replace('"100.25"', "1e400"), "reference_price must be finite"),
    (line().replace('"100.25"', "1E99999999999999999999"), "is not JSON"),
    (line().replace('"100.25"', "NaN"), "NaN is no number"),
    (line().replace('"100.25"', "-Infinity"), "-Infinity is no number"),
    (line(reference_price=True), "reference_price must be a decimal number"),
    (line(reference_price="1.123456789"), "at most 8 decimals"),
    (line(confidence="0.1234567891"), "at most 9 decimals"),
    (line().replace('_id": 1,', '_id": "1",'), "recommendation_id should be a valid integer"),
    (line(recommendation_id=2**63), "recommendation_id should be less than"),
    (line(issued_at="2022-03-16T15:00:00"), "issued_at must be a time with its offset"),
    (line(issued_at=1647442800), "issued_at must be a time with its offset"),
    (line(issued_at="0001-01-01T00:00:00+14:00"), "issued_at must be a time"),
    (line(action="HOLD"), "action should be"),
    (line(run_id="1"), "run_id should be a valid UUID"),
    (line(reason="\ud800"), "reason contains half a character"),
    (line(option={"symbol": "x", "strike": "1"}), "option.expiry is missing"),
    ("[]", "is JSON, but no object"),
    (line(reference_price=...), "reference_price is missing"),
    (line(acount="tiny"), "'acount' is not a known key"),
    ('{"action": "BUY", "action": "SELL"}', "names action twice"),
    ("[" * 100_000, "is not JSON"),
    ('{"vix": ' + "1" * 5_000 + "}", "is not JSON"),
]


def test_the_door_knows_every_field_of_the_event() -> None:
    assert list(_Recommendation.model_fields) == [one.name for one in fields(RecommendationIssued)]
    assert list(_Option.model_fields) == [one.name for one in fields(OptionQuote)]


def test_numbers_are_read_exactly_whether_text_or_not() -> None:
    text = read_recommendation(line(reference_price="0.1"))
    number = read_recommendation(line().replace('"100.25"', "0.1"))

    assert text.reference_price == number.reference_price == Decimal("0.1")


def test_times_are_read_as_utc() -> None:
    found = read_recommendation(line(issued_at="2022-03-16T11:00:00-04:00"))

    assert found.issued_at == datetime(2022, 3, 16, 15, tzinfo=UTC)
    assert found.issued_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "said"), REFUSED, ids=[f"{n}-{said}" for n, (_, said) in enumerate(REFUSED)]
)
def test_what_is_not_exactly_a_recommendation_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(UnclearError) as raised:
        read_recommendation(text)

    assert said in str(raised.value)
    assert len(str(raised.value)) < 500


@given(st.text())
def test_no_text_gets_past_the_door_by_an_accident(text: str) -> None:
    with pytest.raises(UnclearError):
        read_recommendation(text)
