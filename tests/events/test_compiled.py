"""What a function written for a schema reads is what fastavro reads, or is left to fastavro."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from events.avro import Json, avro_schema
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec
from events.compiled import compiled_reader
from events.decision import GateResult, Verdict
from events.order import OrderAccepted, OrderIntended, OrderRejected, RejectionClass
from events.readers import Remembered, bare
from events.recommendation import RecommendationIssued
from tests.builders import a_recommendation
from tests.order_builders import a_rejection, an_acceptance, an_intent
from tests.schemas.by_fastavro import HEAD, by_fastavro
from tests.schemas.examples import arbitrary, example
from tests.schemas.golden_bytes import OneSchema

EACH = pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
STRANGERS: list[tuple[Any, Any]] = [
    ("string", "x" * 200),
    ("boolean", True),
    ("long", -(2**62)),
    (["null", "string"], None),
    (["string", "null"], "y"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 28, "scale": 8}, b"\x01\x02"),
    ({"type": "long", "logicalType": "timestamp-micros"}, 1_647_442_800_000_000),
    ({"type": "int", "logicalType": "date"}, 19_067),
    ({"type": "enum", "name": "Moon", "symbols": ["NEW", "FULL"]}, "FULL"),
    ({"type": "array", "items": "string"}, ["a", "b"]),
    (
        {
            "type": "record",
            "name": "Venue",
            "fields": [{"name": "mic", "type": "string"}, {"name": "at", "type": "long"}],
        },
        {"mic": "XNYS", "at": 7},
    ),
]
LEFT_TO_FASTAVRO: list[tuple[Any, Any]] = [
    ("double", 0.5),
    (["null", "string", "long"], 3),
    ({"type": "map", "values": "string"}, {"a": "b"}),
    ({"type": "fixed", "name": "Six", "size": 6}, b"sixsix"),
    (
        {
            "type": "record",
            "name": "Within",
            "fields": [{"name": "more", "type": ["null", "Within"]}],
        },
        {"more": {"more": None}},
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ruled:
    of: int

    def __post_init__(self) -> None:
        if self.of <= 0:
            raise ValueError("a share of nothing")


def written(kind: type[AnyEvent], event: AnyEvent) -> bytes:
    return Codec(OneSchema(avro_schema(kind))).encode(event)


def with_stranger(node: Any, value: Any, place: int) -> tuple[Json, bytes]:  # noqa: ANN401 -- Avro's
    """A schema of acceptances with one more field at `place`, and an acceptance written by it."""
    event = an_acceptance(an_intent())
    plain = parse_schema(bare(avro_schema(OrderAccepted)))
    body = BytesIO(written(OrderAccepted, event))
    body.seek(HEAD)
    record: Any = schemaless_reader(body, plain, None)
    schema = avro_schema(OrderAccepted)
    schema["fields"].insert(place, {"name": "stranger", "type": node})
    out = BytesIO()
    out.write(bytes(HEAD))
    schemaless_writer(out, parse_schema(bare(schema)), {**record, "stranger": value})
    return schema, out.getvalue()


@EACH
@given(data=st.data())
def test_what_was_written_is_read_whole(kind: type[AnyEvent], data: st.DataObject) -> None:
    event = data.draw(arbitrary(kind))
    read = compiled_reader(kind, avro_schema(kind))
    assert read is not None

    found = read(written(kind, event), HEAD)

    assert found == event
    assert type(found) is kind
    assert hash(found) == hash(event)


@EACH
@given(data=st.data())
def test_damaged_bytes_are_read_as_fastavro_reads_them_or_not_at_all(
    kind: type[AnyEvent], data: st.DataObject
) -> None:
    damaged = bytearray(written(kind, data.draw(arbitrary(kind))))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(HEAD, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(HEAD, len(damaged)))
    some = bytes(damaged[:cut]) + data.draw(st.sampled_from([b"", b"\0", b"\x80"]))
    read = compiled_reader(kind, avro_schema(kind))
    assert read is not None

    found = read(some, HEAD)

    assert found is None or found == by_fastavro(kind, avro_schema(kind))(some)


@EACH
def test_any_flipped_bit_is_read_as_fastavro_reads_it_or_not_at_all(kind: type[AnyEvent]) -> None:
    schema = avro_schema(kind)
    whole = written(kind, example(kind))
    read = compiled_reader(kind, schema)
    assert read is not None
    asked = by_fastavro(kind, schema)
    assert read(whole, HEAD) == asked(whole)

    for place in range(HEAD, len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            found = read(bytes(flipped), HEAD)
            assert found is None or found == asked(bytes(flipped))


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize(("node", "value"), STRANGERS, ids=[str(one) for one, _ in STRANGERS])
def test_a_field_that_we_do_not_know_is_passed_over(node: Any, value: Any, place: int) -> None:  # noqa: ANN401 -- Avro's
    schema, data = with_stranger(node, value, place)
    read = compiled_reader(OrderAccepted, schema)
    assert read is not None

    assert read(data, HEAD) == an_acceptance(an_intent())


@pytest.mark.parametrize(
    ("node", "value"), LEFT_TO_FASTAVRO, ids=[str(one) for one, _ in LEFT_TO_FASTAVRO]
)
def test_a_schema_with_something_that_no_event_has_is_left_to_fastavro(
    node: Any,  # noqa: ANN401 -- Avro's
    value: Any,  # noqa: ANN401 -- Avro's
) -> None:
    schema, data = with_stranger(node, value, 1)

    assert compiled_reader(OrderAccepted, schema) is None
    codec = Codec(OneSchema(schema))
    framed = codec.encode(an_acceptance(an_intent()))[:HEAD] + data[HEAD:]
    assert codec.decode(framed) == an_acceptance(an_intent())


def test_a_schema_within_schemas_without_end_is_left_to_fastavro() -> None:
    node: Any = "string"
    for _ in range(30):
        node = {"type": "array", "items": node}
    schema, _ = with_stranger(node, [], 1)

    assert compiled_reader(OrderAccepted, schema) is None


def test_a_field_that_the_writer_did_not_know_takes_its_default() -> None:
    event = an_acceptance(an_intent())
    schema = avro_schema(OrderAccepted)
    schema["fields"] = [one for one in schema["fields"] if one["name"] != "adopted"]
    read = compiled_reader(OrderAccepted, schema)
    assert read is not None

    assert read(written(OrderAccepted, replace(event, adopted=True))[:-1], HEAD) == event


def test_a_field_that_the_writer_did_not_know_and_we_need_is_left_to_fastavro() -> None:
    schema = avro_schema(OrderAccepted)
    schema["fields"] = [one for one in schema["fields"] if one["name"] != "broker_order_id"]

    assert compiled_reader(OrderAccepted, schema) is None


def test_a_symbol_of_tomorrow_is_unknown() -> None:
    rejection = a_rejection(an_intent())
    schema = avro_schema(OrderRejected)
    [node] = [one["type"] for one in schema["fields"] if one["name"] == "rejection_class"]
    node["symbols"] = [
        {rejection.rejection_class.value: "PHASE_OF_THE_MOON"}.get(one, one)
        for one in node["symbols"]
    ]
    read = compiled_reader(OrderRejected, schema)
    assert read is not None

    found = read(written(OrderRejected, rejection), HEAD)

    assert found == replace(rejection, rejection_class=RejectionClass.UNKNOWN)


def test_an_array_in_blocks_that_name_their_size_is_left_to_fastavro() -> None:
    gate = GateResult(gate="g", verdict=Verdict.PASSED, reason="r", observed="", threshold="t")
    without = written(OrderIntended, replace(an_intent(), gates=()))
    with_one = written(OrderIntended, replace(an_intent(), gates=(gate,)))
    place = next(at for at, (a, b) in enumerate(zip(without, with_one, strict=False)) if a != b)
    block = with_one[place + 1 : len(with_one) - (len(without) - place)]
    sized = without[:place] + b"\x01" + bytes([2 * len(block)]) + block + without[place:]
    read = compiled_reader(OrderIntended, avro_schema(OrderIntended))
    assert read is not None

    assert read(with_one, HEAD).gates == (gate,)
    assert read(sized, HEAD) is None
    codec = Codec(OneSchema(avro_schema(OrderIntended)))
    assert codec.decode(sized) == codec.decode(with_one)


@pytest.mark.parametrize("year", [1, 1969, 1970, 1978, 1979, 2026, 3111, 3112, 9999])
def test_a_time_of_any_length_is_read(year: int) -> None:
    event = an_acceptance(an_intent())
    at = datetime(year, 7, 1, 12, 30, 15, 123_456, UTC)
    event = replace(event, envelope=replace(event.envelope, occurred_at=at))
    read = compiled_reader(OrderAccepted, avro_schema(OrderAccepted))
    assert read is not None

    for _ in range(2):  # made, then remembered
        assert read(written(OrderAccepted, event), HEAD) == event


@pytest.mark.parametrize("last", [b"\x01", b"\x02", b"\x7f", b"\xff\x01"])
def test_a_number_beyond_64_bits_is_left_to_fastavro(last: bytes) -> None:
    schema = avro_schema(RecommendationIssued)
    whole = written(RecommendationIssued, replace(a_recommendation(), recommendation_id=-1))
    assert whole[HEAD : HEAD + 1] == b"\x01"
    data = whole[:HEAD] + b"\xff" * 9 + last + whole[HEAD + 1 :]
    read = compiled_reader(RecommendationIssued, schema)
    assert read is not None

    found = read(data, HEAD)

    assert (found is None) == (last != b"\x01")  # the least number of 64 bits has all of them set
    assert found is None or found == by_fastavro(RecommendationIssued, schema)(data)


def test_a_class_with_rules_of_its_own_is_left_to_whoever_keeps_them() -> None:
    schema = {"type": "record", "name": "_Ruled", "fields": [{"name": "of", "type": "long"}]}

    assert compiled_reader(_Ruled, schema) is None


def test_what_is_remembered_is_made_once_and_has_a_bound() -> None:
    made: list[int] = []

    def double(number: int) -> int:
        made.append(number)
        return 2 * number

    doubles = Remembered(double)

    assert [doubles[1], doubles[1]] == [2, 2]
    assert made == [1]
    assert [doubles[number] for number in range(10_000)] == [2 * number for number in range(10_000)]
    assert len(doubles) < 10_000
