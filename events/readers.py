"""What Avro read, to dataclasses: by a plan made once per schema, as every decision waits for it.

Avro reads bare numbers, text and bytes; what a logical type makes of them is done here, and
remembered where values repeat. Immutable values alone are shared.
"""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar, get_args, get_origin
from uuid import UUID

from events.avro import Json
from events.quick import quick
from events.records import EPOCH, EPOCH_DAY, hints_of, unwrapped
from events.varint import ONE_BYTE_MAX, longer

Reader: TypeAlias = Callable[[Any], Any]

_K = TypeVar("_K")
_V = TypeVar("_V")

MOMENT_BYTES: Final = 8
"""So many bytes of Avro has any time from 1979 to 3111."""

_REMEMBERED_MAX: Final = 2048
_NAMED: Final = ("record", "enum", "fixed")


class Remembered(dict[_K, _V]):
    """What is slow to make and often the same, by what it is made of. Ever so often it forgets."""

    def __init__(self, make: Callable[[_K], _V]) -> None:
        """Remember nothing yet."""
        super().__init__()
        self._make = make

    def __missing__(self, key: _K) -> _V:
        """Make what `key` stands for; raises what that raises."""
        made = self._make(key)
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        self[key] = made
        return made


class Symbols(dict[str, StrEnum]):
    """The members of an enum by what stands for them; ``UNKNOWN`` for whatever is none's."""

    def __init__(self, kind: type[StrEnum]) -> None:
        """Know all of `kind`."""
        super().__init__({member.value: member for member in kind})

    def __missing__(self, symbol: str) -> StrEnum:
        """Return ``UNKNOWN``: the symbol is of tomorrow."""
        return self["UNKNOWN"]


def bare(schema: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return `schema` without the logical types that `record_reader` sees to."""
    if isinstance(schema, list):
        return [bare(one) for one in schema]
    if isinstance(schema, dict):
        kept = {key: bare(value) for key, value in schema.items()}
        if kept.get("logicalType") in ("decimal", *_LOGICAL):
            del kept["logicalType"]
        return kept
    return schema


def record_reader(kind: type, schema: Json) -> Reader:
    """Return a function from what Avro read by ``bare(schema)`` to an instance of `kind`.

    Fields that `kind` does not know are passed over, fields that the writer did not know take
    their defaults, an enum's unknown symbol becomes ``UNKNOWN``.
    """
    return _record(kind, schema, named_schemas(schema))


def _record(kind: type, schema: Json, named: Mapping[str, Json]) -> Reader:
    hints = dict(hints_of(kind))
    written = {one["name"]: one["type"] for one in schema["fields"]}
    strangers = [name for name in written if name not in hints]
    steps = [
        (name, convert)
        for name, node in written.items()
        if name in hints and (convert := _convert(hints[name], node, named)) is not None
    ]
    make: Callable[..., Any] = quick(kind)

    def read(record: dict[str, Any]) -> Any:  # noqa: ANN401 -- `kind` is only known at run time
        for name in strangers:
            del record[name]
        for name, convert in steps:
            value = record[name]
            if value is not None:
                record[name] = convert(value)
        return make(**record)

    return read


def _convert(hint: object, node: object, named: Mapping[str, Json]) -> Reader | None:
    hint, _ = unwrapped(hint)
    schema = _some(node, named)
    if get_origin(hint) is tuple:
        item = _convert(get_args(hint)[0], schema.get("items"), named)
        return tuple if item is None else lambda values: tuple(map(item, values))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Symbols(hint).__getitem__
    if isinstance(hint, type) and is_dataclass(hint) and schema.get("type") == "record":
        return _record(hint, schema, named)
    if schema.get("logicalType") == "decimal":
        return decimals(schema["precision"], schema.get("scale", 0)).__getitem__
    return _LOGICAL.get(schema.get("logicalType"))


def _some(node: object, named: Mapping[str, Json]) -> Json:
    """Return the schema in ``["null", X]`` or behind a name, an empty one for a plain type."""
    if isinstance(node, list):
        [node] = [one for one in node if one != "null"] or [None]
    if isinstance(node, str):
        return named.get(node, {})
    return node if isinstance(node, dict) else {}


def named_schemas(schema: object) -> dict[str, Json]:
    """Return the types that are defined anywhere in `schema`, by their names, short and whole."""
    return _named(schema, {})


def _named(schema: object, found: dict[str, Json]) -> dict[str, Json]:
    if isinstance(schema, list):
        for one in schema:
            _named(one, found)
    if isinstance(schema, dict):
        if schema.get("type") in _NAMED:
            found[schema["name"]] = found[f"{schema.get('namespace')}.{schema['name']}"] = schema
        for value in schema.values():
            _named(value, found)
    return found


@cache
def decimals(precision: int, scale: int) -> Remembered[bytes, Decimal]:
    """Return the numbers of so many digits, so many of them decimals, by their bytes in Avro."""
    context = Context(prec=precision)

    def read(data: bytes) -> Decimal:
        unscaled = int.from_bytes(data, "big", signed=True)
        return context.create_decimal(unscaled).scaleb(-scale, context)

    return Remembered(read)


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _day(days: int) -> date:
    return date.fromordinal(EPOCH_DAY + days)


def _moment_by_bytes(data: bytes) -> datetime | None:
    if data[0] <= ONE_BYTE_MAX or data[-1] > ONE_BYTE_MAX:
        return None
    n, end = longer(data, 1, data[0])
    return _moment((n >> 1) ^ -(n & 1)) if end == MOMENT_BYTES else None


_uuid: Final = Remembered[str, UUID](UUID)
moment: Final = Remembered(_moment)
"""Times in UTC by the microseconds since 1970 began."""
day: Final = Remembered(_day)
"""Dates by the days since 1970 began."""
uuids: Final = Remembered[bytes, UUID](lambda data: UUID(data.decode()))
"""UUIDs by their bytes in Avro, behind the length."""
moments: Final = Remembered(_moment_by_bytes)
"""Times by all of their `MOMENT_BYTES` in Avro; None for a time that has fewer or more."""
_LOGICAL: Final[Mapping[object, Reader]] = {
    "uuid": _uuid.__getitem__,
    "timestamp-micros": moment.__getitem__,
    "date": day.__getitem__,
}
