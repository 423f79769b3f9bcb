"""Events to bytes and back: Confluent's wire format, schemas looked up by id and never registered.

A byte of 0, the schema's id in four bytes, the Avro body. The codec asks a `SchemaSource` for ids
and schemas once each and then works from memory; it opens no connection of its own.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, Protocol, Self, TypeVar

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from events.avro import Json, avro_schema
from events.brief import BriefWriter, brief_writer
from events.catalog import EVENTS, NAMESPACE, AnyEvent
from events.compiled import CompiledReader, compiled_reader
from events.gates_text import MakeGatesReader, gates_reader
from events.readers import Reader, bare, record_reader
from events.records import Writer, record_writer

_HEADER: Final = struct.Struct(">bI")
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lies in memory: of no use to anybody, and another at each reading."""

_E = TypeVar("_E")


class Undecodable(Exception):  # noqa: N818 -- reads as what the bytes are
    """These bytes are no event and never will be; waiting does not help."""


class SchemaSource(Protocol):
    """Where ids and schemas come from; the registry at run time."""

    def id_of(self, event_type: type[AnyEvent]) -> int:
        """Return the id under which this event type's schema is registered."""
        ...

    def schema_of(self, schema_id: int) -> Json | None:
        """Return the schema of an id, or None when no such id exists; no record: no event.

        Raises whatever says that the registry cannot answer: that is not the bytes' fault.
        """
        ...


@dataclass(slots=True)
class _Plan:
    event_type: type[AnyEvent]
    written: Json
    schema: Any
    read: Reader
    compiled: CompiledReader | None = None
    """Made when there is something to read: it takes some milliseconds."""


class Codec:
    """Encode and decode events against one schema source."""

    def __init__(self, source: SchemaSource, gates: MakeGatesReader | None = None) -> None:
        """Ask `source` nothing yet; see `with_gates`."""
        self._source = source
        self._gates = gates
        self._writers: dict[type, tuple[bytes, Any, Writer, BriefWriter | None]] = {}
        self._plans: dict[bytes, _Plan] = {}  # by what records of their schema begin with

    def with_gates_as_text(self) -> Self:
        """Return a codec in whose decoded events gates are without spaces; see `with_gates`."""
        return self.with_gates(gates_reader)

    def with_gates(self, gates: MakeGatesReader) -> Self:
        """Return a codec in whose decoded events gates are a `GatesText` where `gates` can read it.

        The events are equal to those of this codec, the same bytes are undecodable; whoever passes
        gates on has their JSON at once.
        """
        return type(self)(self._source, gates)

    def encode(self, event: AnyEvent) -> bytes:
        """Return the wire bytes of `event`.

        Raises:
            ValueError: A value does not fit its type on the wire (a NaN, a decimal too long …).
        """
        header, schema, to_record, write_briefly = self._writer(type(event))
        brief = None if write_briefly is None else write_briefly(header, event)
        if brief is not None:
            return brief
        body = BytesIO()
        body.write(header)
        schemaless_writer(body, schema, to_record(event))
        return body.getvalue()

    def prepare(self, event_types: Iterable[type[AnyEvent]]) -> None:
        """Look up the ids of `event_types` now, so that writing them needs no registry later."""
        for event_type in event_types:
            self._writer(event_type)

    def prepare_reading(self, event_types: Iterable[type[AnyEvent]]) -> None:
        """Look up the registered schemas of `event_types` now, as `prepare` does for writing."""
        for event_type in event_types:
            schema_id = self._source.id_of(event_type)
            if _HEADER.pack(0, schema_id) not in self._plans:
                self._plan(schema_id)

    def type_of(self, data: bytes | None) -> type[AnyEvent]:
        """Return what event the head of `data` names; the body is not looked at.

        Raises:
            Undecodable: The bytes are no event: the sentence says why.
        """
        return self._plan_of(data)[0].event_type

    def decode(self, data: bytes | None) -> AnyEvent:
        """Return the event in `data`.

        Raises:
            Undecodable: The bytes are no event: the sentence says why.
        """
        plan, data = self._plan_of(data)
        read = plan.compiled or self._compile(plan)
        event: AnyEvent | None = read(data, _HEADER.size)
        return self._read(plan, data) if event is None else event

    def _compile(self, plan: _Plan) -> CompiledReader:
        found = compiled_reader(plan.event_type, plan.written, self._gates)
        plan.compiled = found or _left_to_fastavro
        return plan.compiled

    def _read(self, plan: _Plan, data: bytes) -> AnyEvent:
        """Have fastavro read it, whose word on what is damaged, and how, is the one that counts."""
        body = BytesIO(data)
        body.seek(_HEADER.size)
        try:
            event: AnyEvent = plan.read(schemaless_reader(body, plan.schema, None))
        except Exception as error:  # damaged bytes raise anything at all
            name = plan.event_type.__name__
            words = _ADDRESS.sub("", str(error))
            raise Undecodable(f"damaged {name}: {type(error).__name__}: {words}") from error
        if body.tell() != len(data):
            left = len(data) - body.tell()
            raise Undecodable(f"{left} bytes follow the end of {plan.event_type.__name__}")
        return event

    def _plan_of(self, data: bytes | None) -> tuple[_Plan, bytes]:
        if data is None:
            raise Undecodable("an empty record (a tombstone) is no event")
        plan = self._plans.get(data[: _HEADER.size])
        if plan is not None:
            return plan, data
        if len(data) < _HEADER.size:
            raise Undecodable(f"{len(data)} bytes are too short for a schema id")
        magic, schema_id = _HEADER.unpack_from(data)
        if magic != 0:
            raise Undecodable(
                f"starts with byte {magic & 0xFF:#04x}, not with 0x00: not our format"
            )
        return self._plan(schema_id), data

    def _writer(self, event_type: type[AnyEvent]) -> tuple[bytes, Any, Writer, BriefWriter | None]:
        found = self._writers.get(event_type)
        if found is None:
            header = _HEADER.pack(0, self._source.id_of(event_type))
            schema = avro_schema(event_type)
            found = self._writers[event_type] = (
                header,
                parse_schema(bare(schema)),
                record_writer(event_type),
                brief_writer(event_type, schema),
            )
        return found

    def _plan(self, schema_id: int) -> _Plan:
        schema = self._source.schema_of(schema_id)
        if schema is None:
            raise Undecodable(f"schema id {schema_id} is not in the registry")
        if schema.get("type") != "record":
            raise Undecodable(f"schema id {schema_id} is no record of Avro")
        name = f"{schema.get('namespace')}.{schema.get('name')}"
        event_type = _BY_NAME.get(name)
        if event_type is None:
            raise Undecodable(f"schema id {schema_id} is {name}, which is no event of ours")
        try:
            plan = _Plan(
                event_type,
                schema,
                parse_schema(bare(schema)),
                record_reader(event_type, schema),
            )
        except Exception as error:  # somebody else's schema raises anything at all
            raise Undecodable(
                f"schema id {schema_id} is no {event_type.__name__} that this build can read: "
                f"{type(error).__name__}: {error}"
            ) from error
        self._plans[_HEADER.pack(0, schema_id)] = plan
        return plan


def _left_to_fastavro(_: bytes, __: int) -> None:
    return None


_BY_NAME: Final = {f"{NAMESPACE}.{kind.__name__}": kind for kind in EVENTS}


def expect(event: object, kind: type[_E], where: str) -> _E:
    """Return `event` as a `kind`.

    Raises:
        Undecodable: It is another event, which has no place there.
    """
    if not isinstance(event, kind):
        raise Undecodable(f"{type(event).__name__} has no place in {where}")
    return event
