import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.avro import avro_schema
from events.catalog import EVENTS, AnyEvent
from events.codec import Codec, Undecodable
from tests.schemas.examples import example
from tests.schemas.golden_bytes import OneSchema

EACH = pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)


def _written(kind: type[AnyEvent]) -> tuple[Codec, bytes]:
    codec = Codec(OneSchema(avro_schema(kind)))
    return codec, codec.encode(example(kind))


@EACH
def test_an_event_cut_short_anywhere_is_undecodable(kind: type[AnyEvent]) -> None:
    codec, data = _written(kind)

    for length in range(len(data)):
        with pytest.raises(Undecodable):
            codec.decode(data[:length])


@EACH
def test_bytes_after_the_end_are_not_passed_over(kind: type[AnyEvent]) -> None:
    codec, data = _written(kind)

    with pytest.raises(Undecodable, match="1 bytes follow"):
        codec.decode(data + b"\0")


@EACH
@given(data=st.data())
def test_flipped_bits_make_another_event_or_none_and_never_a_crash(
    kind: type[AnyEvent], data: st.DataObject
) -> None:
    codec, written = _written(kind)
    damaged = bytearray(written)
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))

    try:
        event = codec.decode(bytes(damaged))
    except Undecodable:
        return
    assert isinstance(event, kind)


@given(st.binary(max_size=40))
def test_anything_at_all_is_undecodable_or_an_event(data: bytes) -> None:
    codec, _ = _written(EVENTS[0])

    try:
        event = codec.decode(data)
    except Undecodable:
        return
    assert isinstance(event, EVENTS)


def test_a_foreign_first_byte_is_named() -> None:
    codec, data = _written(EVENTS[0])

    with pytest.raises(Undecodable, match="0x7b"):
        codec.decode(b"{" + data[1:])


def test_an_id_that_nobody_has_registered_is_named() -> None:
    codec, data = _written(EVENTS[0])

    with pytest.raises(Undecodable, match="schema id 8 "):
        codec.decode(b"\0\0\0\0\x08" + data[5:])


def test_a_tombstone_is_no_event() -> None:
    codec, _ = _written(EVENTS[0])

    with pytest.raises(Undecodable, match="tombstone"):
        codec.decode(None)
