"""What the codec writes its own way are the bytes that Avro's library writes by the schema."""

from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from events.avro import avro_schema
from events.catalog import EVENTS, AnyEvent
from events.decision import GateResult, Verdict
from events.gates_bytes import gates_writer
from tests.order_builders import a_fill, an_intent
from tests.projections.story import CODEC
from tests.schemas.examples import arbitrary

HEAD = 5
GATES = next(one for one in avro_schema(type(an_intent()))["fields"] if one["name"] == "gates")
SAID = GateResult(
    gate="vix_regime",
    verdict=Verdict.DECLINED,
    reason="the market is too nervous",
    observed="41.5",
    threshold="at most 40",
)
LENGTHS = st.sampled_from((0, 1, 63, 64, 127, 128, 4_095, 4_096, 9_000))


def plain(value: Any) -> Any:  # noqa: ANN401 -- whatever an event holds
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def by_the_library(event: AnyEvent) -> bytes:
    body = BytesIO()
    schemaless_writer(body, parse_schema(avro_schema(type(event))), plain(event))
    return body.getvalue()


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_is_written_as_the_library_writes_it(
    kind: type[AnyEvent], data: st.DataObject
) -> None:
    event = data.draw(arbitrary(kind))

    assert CODEC.encode(event)[HEAD:] == by_the_library(event)


@given(lengths=st.tuples(LENGTHS, LENGTHS, LENGTHS, LENGTHS), letter=st.sampled_from("xé€😀\0"))
def test_gates_of_any_length_and_letter_are_written_as_the_library_writes_them(
    lengths: tuple[int, int, int, int], letter: str
) -> None:
    gate, reason, observed, threshold = (letter * length for length in lengths)
    said = GateResult(
        gate=gate, verdict=Verdict.PASSED, reason=reason, observed=observed, threshold=threshold
    )
    event = replace(an_intent(), gates=(said,) * 70)

    assert CODEC.encode(event)[HEAD:] == by_the_library(event)


def test_gates_in_plain_english_go_their_own_way() -> None:
    write = gates_writer(GATES["type"])
    assert write is not None
    for gates in ((), (SAID,), (SAID,) * 100):
        body = BytesIO()
        schemaless_writer(body, parse_schema(GATES["type"]), [plain(one) for one in gates])

        assert write(gates) == body.getvalue()


def test_gates_of_another_shape_are_written_by_their_schema() -> None:
    items = GATES["type"]["items"]
    assert (
        gates_writer({"type": "array", "items": {**items, "fields": items["fields"][1:]}}) is None
    )
    assert gates_writer({"type": "array", "items": "string"}) is None


@pytest.mark.parametrize(
    ("price", "why"),
    [
        (Decimal("NaN"), "is no number"),
        (Decimal("-Infinity"), "is no number"),
        (Decimal("1E+400"), "before the point"),
        (Decimal("0.123456789"), "behind the point"),
        (Decimal(10) ** 20, "before the point"),
    ],
)
def test_a_price_that_does_not_fit_is_refused(price: Decimal, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        CODEC.encode(replace(a_fill(an_intent(), Decimal(1), Decimal(100)), price=price))


def test_a_time_without_a_zone_is_refused() -> None:
    event = an_intent()
    moment = datetime(2026, 3, 2, 15)  # noqa: DTZ001 -- what is refused

    with pytest.raises(ValueError, match="no time zone"):
        CODEC.encode(replace(event, issued_at=moment))


def test_a_text_that_is_no_unicode_is_refused() -> None:
    broken = replace(SAID, reason="half a character: \ud800")

    with pytest.raises(UnicodeEncodeError):
        CODEC.encode(replace(an_intent(), gates=(SAID, broken)))
