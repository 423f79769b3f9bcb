"""Gates read as text are the gates that were written, and damaged bytes are found as ever."""

import json
from dataclasses import replace
from io import BytesIO
from typing import Any, cast

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from events.avro import Json, avro_schema
from events.codec import Codec, Undecodable
from events.decision import GateResult, RecommendationDeclined, Verdict
from events.gates_text import GatesText, MakeGatesReader, gates_reader
from events.order import OrderIntended
from events.records import record_writer
from projections.executions import EXECUTIONS
from projections.status import STATUS
from projections.texts import gates_json
from projections.verify.gates import gates_as_shown
from tests.order_builders import an_intent
from tests.projections.story import CODEC
from tests.schemas.examples import arbitrary
from tests.schemas.golden_bytes import OneSchema

AS_TEXT = CODEC.with_gates_as_text()
AS_SHOWN = CODEC.with_gates(gates_as_shown)
by_either = pytest.mark.parametrize("brief", [AS_TEXT, AS_SHOWN], ids=["text", "shown"])
by_either_reader = pytest.mark.parametrize("reader", [gates_reader, gates_as_shown])
GATE_SCHEMA = parse_schema(
    next(one for one in avro_schema(OrderIntended)["fields"] if one["name"] == "gates")["type"][
        "items"
    ]
)
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'))
DECISIONS = arbitrary(OrderIntended) | arbitrary(RecommendationDeclined)


def gates_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[GateResult, ...]]:
    one = st.builds(
        GateResult,
        gate=texts,
        verdict=st.sampled_from(Verdict),
        reason=texts | texts.map(lambda text: text * 50),
        observed=texts,
        threshold=texts,
    )
    return st.lists(one, max_size=5).map(tuple)


def number(value: int) -> bytes:
    """A long as Avro writes it."""
    left, written = (value << 1) ^ (value >> 63), bytearray()
    while left > 127:
        written.append(left & 127 | 128)
        left >>= 7
    return bytes((*written, left))


def block(gates: tuple[GateResult, ...], *, sized: bool) -> bytes:
    body = BytesIO()
    for gate in gates:
        schemaless_writer(body, GATE_SCHEMA, record_writer(GateResult)(gate))
    data = body.getvalue()
    return number(-len(gates)) + number(len(data)) + data if sized else number(len(gates)) + data


def in_blocks(event: OrderIntended, blocks: list[bytes]) -> bytes:
    """The bytes of `event`, its array of gates made of `blocks`."""
    without = CODEC.encode(replace(event, gates=()))
    gate = GateResult(gate="", verdict=Verdict.PASSED, reason="", observed="", threshold="")
    with_one = CODEC.encode(replace(event, gates=(gate,)))
    place = next(at for at, (a, b) in enumerate(zip(without, with_one, strict=False)) if a != b)
    return without[:place] + b"".join(blocks) + without[place:]


def told(codec: Codec, data: bytes) -> object:
    try:
        return codec.decode(data)
    except Undecodable as error:
        return str(error)


@by_either
@given(event=DECISIONS, gates=gates_of(ANYTHING) | gates_of(PLAIN))
def test_an_event_whose_gates_are_text_is_the_event_that_was_written(
    brief: Codec, event: OrderIntended | RecommendationDeclined, gates: tuple[GateResult, ...]
) -> None:
    written = replace(event, gates=gates)

    read = cast("OrderIntended | RecommendationDeclined", brief.decode(CODEC.encode(written)))

    assert json.loads(gates_json(read.gates)) == json.loads(gates_json(gates))
    assert read == written
    assert written == read
    assert hash(read) == hash(written)
    assert repr(read.gates) == repr(gates)
    assert CODEC.encode(read) == CODEC.encode(written)


@by_either
@given(event=DECISIONS, gates=gates_of(PLAIN))
def test_gates_without_anything_to_escape_are_read_as_text(
    brief: Codec, event: OrderIntended | RecommendationDeclined, gates: tuple[GateResult, ...]
) -> None:
    read: Any = brief.decode(CODEC.encode(replace(event, gates=gates)))

    assert type(read.gates) is GatesText
    assert (len(read.gates), read.gates[:2]) == (len(gates), gates[:2])
    assert list(read.gates.declined()) == [
        gate for gate in gates if gate.verdict is Verdict.DECLINED
    ]


@given(event=DECISIONS, gates=gates_of(ANYTHING) | gates_of(PLAIN))
def test_a_table_gets_the_same_rows_of_gates_as_text(
    event: OrderIntended | RecommendationDeclined, gates: tuple[GateResult, ...]
) -> None:
    written = replace(event, gates=gates)
    read = AS_TEXT.decode(CODEC.encode(written))
    origin = event.envelope.source or an_intent().envelope.source
    assert origin is not None

    for projection in (EXECUTIONS, STATUS):
        assert list(projection.rows(read, origin)) == list(projection.rows(written, origin))


@by_either
@given(
    event=arbitrary(OrderIntended),
    parts=st.lists(st.tuples(gates_of(ANYTHING) | gates_of(PLAIN), st.booleans()), max_size=4),
)
def test_gates_in_several_blocks_are_read_in_their_order(
    brief: Codec, event: OrderIntended, parts: list[tuple[tuple[GateResult, ...], bool]]
) -> None:
    blocks = [block(gates, sized=sized) for gates, sized in parts if gates]
    data = in_blocks(event, blocks)

    read = brief.decode(data)

    assert read == CODEC.decode(data)
    assert read == replace(event, gates=tuple(gate for gates, _ in parts for gate in gates))


@by_either
@given(event=DECISIONS, gates=gates_of(PLAIN), data=st.data())
def test_bytes_that_end_too_soon_are_undecodable(
    brief: Codec,
    event: OrderIntended | RecommendationDeclined,
    gates: tuple[GateResult, ...],
    data: st.DataObject,
) -> None:
    whole = CODEC.encode(replace(event, gates=gates))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]

    with pytest.raises(Undecodable) as found:
        brief.decode(cut)

    assert str(found.value) == told(CODEC, cut)


@by_either
@given(event=DECISIONS, gates=gates_of(PLAIN), data=st.data())
def test_damaged_bytes_say_the_same_whether_or_not_gates_are_text(
    brief: Codec,
    event: OrderIntended | RecommendationDeclined,
    gates: tuple[GateResult, ...],
    data: st.DataObject,
) -> None:
    whole = bytearray(CODEC.encode(replace(event, gates=gates)))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(5, len(whole) - 1))] = data.draw(st.integers(0, 255))

    assert told(brief, bytes(whole)) == told(CODEC, bytes(whole))


@by_either
@pytest.mark.parametrize("broken", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x80"])
def test_text_that_is_no_utf8_is_undecodable(brief: Codec, broken: bytes) -> None:
    gate = GateResult(gate="g", verdict=Verdict.PASSED, reason="?" * 3, observed="", threshold="t")
    whole = CODEC.encode(replace(an_intent(), gates=(gate,)))
    data = whole.replace(b"???", broken.rjust(3, b"?"))
    assert data != whole

    with pytest.raises(Undecodable):
        brief.decode(data)


@by_either
def test_a_text_of_less_than_nothing_is_undecodable(brief: Codec) -> None:
    gate = GateResult(gate="g", verdict=Verdict.PASSED, reason="???", observed="", threshold="t")
    whole = CODEC.encode(replace(an_intent(), gates=(gate,)))
    assert number(3) + b"???" in whole

    with pytest.raises(Undecodable):
        brief.decode(whole.replace(number(3) + b"???", number(-4) + b"???"))


@by_either
@pytest.mark.parametrize("length", [63, 64, 8_191, 8_192, 1_048_576])
def test_a_text_may_be_long(brief: Codec, length: int) -> None:
    gate = GateResult(
        gate="g" * length, verdict=Verdict.DECLINED, reason="r", observed="", threshold="t"
    )

    read: Any = brief.decode(CODEC.encode(replace(an_intent(), gates=(gate,))))

    assert type(read.gates) is GatesText
    assert read.gates.declined() == [gate]
    assert read.gates == (gate,)


@by_either_reader
def test_a_verdict_of_tomorrow_is_unknown(reader: MakeGatesReader) -> None:
    schema = avro_schema(OrderIntended)
    verdict = _gate_fields(schema)[1]["type"]
    verdict["symbols"] = [{"DECLINED": "POSTPONED"}.get(one, one) for one in verdict["symbols"]]
    gate = GateResult(gate="g", verdict=Verdict.DECLINED, reason="", observed="", threshold="")
    data = Codec(OneSchema(avro_schema(OrderIntended))).encode(replace(an_intent(), gates=(gate,)))

    read: Any = Codec(OneSchema(schema)).with_gates(reader).decode(data)

    assert type(read.gates) is GatesText
    assert read.gates[0].verdict is Verdict.UNKNOWN
    assert read.gates.declined() == []


@by_either_reader
def test_gates_of_another_shape_are_read_by_their_schema(reader: MakeGatesReader) -> None:
    schema = avro_schema(OrderIntended)
    _gate_fields(schema).append({"name": "asked_at", "type": ["null", "string"], "default": None})
    gate = GateResult(gate="g", verdict=Verdict.DECLINED, reason="", observed="", threshold="t")
    whole = CODEC.encode(replace(an_intent(), gates=(gate,)))
    header = Codec(OneSchema(schema)).encode(an_intent())[:5]
    place = whole.index(b"\x02g\x04") + len(b"\x02g\x04\x00\x00\x02t")
    data = header + whole[5:place] + b"\x00" + whole[place:]

    read = Codec(OneSchema(schema)).with_gates(reader).decode(data)

    assert read == replace(an_intent(), gates=(gate,))


def _gate_fields(schema: Json) -> list[Json]:
    gates = next(one for one in schema["fields"] if one["name"] == "gates")
    return cast("list[Json]", gates["type"]["items"]["fields"])
