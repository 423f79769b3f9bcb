"""Events as fastavro reads them, by no function of ours that was written for their schema."""

from io import BytesIO
from typing import Final

from fastavro import parse_schema, schemaless_reader

from events.avro import Json
from events.readers import bare, record_reader

HEAD: Final = 5
"""Where Avro's bytes begin, behind the schema's id."""


def by_fastavro(kind: type, schema: Json, data: bytes) -> object:
    """What fastavro makes of all of `data` behind its head; None where that is damaged."""
    body = BytesIO(data[HEAD:])
    try:
        read = record_reader(kind, schema)(
            schemaless_reader(body, parse_schema(bare(schema)), None)
        )
    except Exception:  # noqa: BLE001 -- damaged bytes raise anything
        return None
    return None if body.read() else read
