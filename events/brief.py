"""Events whose gates go their own way: everything else of them is written as ever."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final, TypeAlias

from fastavro import parse_schema, schemaless_writer

from events.avro import Json
from events.gates_bytes import gates_writer
from events.readers import bare
from events.records import hints_of, record_writer

BriefWriter: TypeAlias = Callable[[bytes, Any], bytes | None]
"""From a head and an event to that head and Avro's bytes; None where it needs a whole writing."""

_GATES: Final = "gates"


def brief_writer(kind: type, schema: Json) -> BriefWriter | None:
    """Return a function that writes a `kind`, None where it has no gates.

    It never finds fault: what it cannot write is None, and a whole writing says why.
    """
    parts = _parts(kind, schema)
    write_gates = None if parts is None else gates_writer(parts[1])
    if parts is None or write_gates is None:
        return None
    before, _, after = parts
    to_record = record_writer(kind, without=frozenset({_GATES}))

    def brief(head: bytes, event: Any) -> bytes | None:  # noqa: ANN401 -- `kind` is only known at run time
        body = BytesIO()
        body.write(head)
        try:
            record, gates = to_record(event), write_gates(event.gates)
            schemaless_writer(body, before, record)
            body.write(gates)
            schemaless_writer(body, after, record)
        except Exception:  # noqa: BLE001 -- a wrong value raises anything; the whole writing tells it
            return None
        return body.getvalue()

    return brief


def _parts(kind: type, schema: Json) -> tuple[Any, Any, Any] | None:
    """Return what stands before the gates, theirs, and what stands behind; None without gates."""
    fields = schema["fields"]
    names = [field["name"] for field in fields]
    if _GATES not in names or _GATES not in dict(hints_of(kind)):
        return None
    place = names.index(_GATES)
    named: dict[str, Any] = {}
    before = _part(schema, fields[:place], "Before", named)
    _part(schema, fields[place : place + 1], "Gates", named)  # names what the rest may refer to
    after = _part(schema, fields[place + 1 :], "After", named)
    return before, fields[place]["type"], after


def _part(schema: Json, fields: list[Json], name: str, named: dict[str, Any]) -> Any:  # noqa: ANN401 -- as fastavro has it
    part = {**schema, "name": f"{schema['name']}{name}", "fields": fields}
    return parse_schema(bare(part), named)
