"""Events as fastavro reads them, by no function of ours that was written for their schema."""

from collections.abc import Callable
from io import BytesIO
from typing import Final

from fastavro import parse_schema, schemaless_reader

from events.avro import Json
from events.readers import bare, record_reader

HEAD: Final = 5
"""Where Avro's bytes begin, behind the schema's id."""


def by_fastavro(kind: type, schema: Json) -> Callable[[bytes], object]:
    """What fastavro makes of all that stands behind a head; None where that is damaged."""
    parsed, convert = parse_schema(bare(schema)), record_reader(kind, schema)

    def read(data: bytes) -> object:
        body = BytesIO(data[HEAD:])
        try:
            event = convert(schemaless_reader(body, parsed, None))
        except Exception:  # noqa: BLE001 -- damaged bytes raise anything
            return None
        return None if body.read() else event

    return read
