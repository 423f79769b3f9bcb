"""Events whose gates stay text: everything else of them is read as ever."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final, TypeAlias

from fastavro import parse_schema, schemaless_reader

from events.avro import Json
from events.gates_text import gates_reader
from events.readers import bare, record_reader
from events.records import hints_of

BriefReader: TypeAlias = Callable[[bytes, int], Any]
"""From bytes, and where Avro's begin in them, to an event; None where it needs a whole reading."""

_GATES: Final = "gates"


def brief_reader(kind: type, schema: Json) -> BriefReader | None:
    """Return a function that reads a `kind` without making its gates, None where it has none.

    It never finds fault: what it cannot read is None, and a whole reading says why.
    """
    fields = schema["fields"]
    names = [field["name"] for field in fields]
    if _GATES not in names or _GATES not in dict(hints_of(kind)):
        return None
    place = names.index(_GATES)
    read_gates = gates_reader(fields[place]["type"])
    if read_gates is None:
        return None
    named: dict[str, Any] = {}
    before = _part(schema, fields[:place], "Before", named)
    _part(schema, fields[place : place + 1], "Gates", named)  # names what the rest may refer to
    after = _part(schema, fields[place + 1 :], "After", named)
    read = record_reader(kind, schema, as_they_are=frozenset({_GATES}))

    def brief(data: bytes, start: int) -> Any:  # noqa: ANN401 -- `kind` is only known at run time
        body = BytesIO(data)
        body.seek(start)
        try:
            record: Any = schemaless_reader(body, before, None)
            record[_GATES], end = read_gates(data, body.tell())
            body.seek(end)
            record.update(schemaless_reader(body, after, None))
            return read(record) if body.tell() == len(data) else None
        except Exception:  # noqa: BLE001 -- damaged bytes raise anything; the whole reading tells it
            return None

    return brief


def _part(schema: Json, fields: list[Json], name: str, named: dict[str, Any]) -> Any:  # noqa: ANN401 -- as fastavro has it
    part = {**schema, "name": f"{schema['name']}{name}", "fields": fields}
    return parse_schema(bare(part), named)
