"""What Avro read, to dataclasses: by a plan made once per schema, as every decision waits for it.

Avro reads bare numbers, text and bytes; what a logical type makes of them is done here, and
remembered where values repeat. Immutable values alone are shared.
"""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias, get_args, get_origin
from uuid import UUID

from events.avro import Json
from events.quick import quick
from events.records import EPOCH, EPOCH_DAY, hints_of, unwrapped

Reader: TypeAlias = Callable[[Any], Any]

_REMEMBERED: Final = 2048
_NAMED: Final = ("record", "enum", "fixed")


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


def record_reader(kind: type, schema: Json, *, as_they_are: frozenset[str] = frozenset()) -> Reader:
    """Return a function from what Avro read by ``bare(schema)`` to an instance of `kind`.

    Fields that `kind` does not know are passed over, fields that the writer did not know take
    their defaults, an enum's unknown symbol becomes ``UNKNOWN``. What fields `as_they_are` hold is
    not converted.
    """
    return _record(kind, schema, _named(schema, {}), as_they_are)


def _record(
    kind: type, schema: Json, named: Mapping[str, Json], as_they_are: frozenset[str] = frozenset()
) -> Reader:
    hints = dict(hints_of(kind))
    written = {one["name"]: one["type"] for one in schema["fields"]}
    strangers = [name for name in written if name not in hints]
    steps = [
        (name, convert)
        for name, node in written.items()
        if name in hints
        and name not in as_they_are
        and (convert := _convert(hints[name], node, named)) is not None
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
        return _Symbols(hint).__getitem__
    if isinstance(hint, type) and is_dataclass(hint) and schema.get("type") == "record":
        return _record(hint, schema, named)
    if schema.get("logicalType") == "decimal":
        return _decimals(schema["precision"], schema.get("scale", 0))
    return _LOGICAL.get(schema.get("logicalType"))


def _some(node: object, named: Mapping[str, Json]) -> Json:
    """Return the schema in ``["null", X]`` or behind a name, an empty one for a plain type."""
    if isinstance(node, list):
        [node] = [one for one in node if one != "null"] or [None]
    if isinstance(node, str):
        return named.get(node, {})
    return node if isinstance(node, dict) else {}


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


class _Symbols(dict[str, StrEnum]):
    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__({member.value: member for member in kind})

    def __missing__(self, symbol: str) -> StrEnum:
        return self["UNKNOWN"]


@cache
def _decimals(precision: int, scale: int) -> Reader:
    context = Context(prec=precision)

    @lru_cache(_REMEMBERED)
    def read(data: bytes) -> Decimal:
        unscaled = int.from_bytes(data, "big", signed=True)
        return context.create_decimal(unscaled).scaleb(-scale, context)

    return read


@lru_cache(_REMEMBERED)
def _uuid(text: str) -> UUID:
    return UUID(text)


@lru_cache(_REMEMBERED)
def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


@lru_cache(_REMEMBERED)
def _day(days: int) -> date:
    return date.fromordinal(EPOCH_DAY + days)


_LOGICAL: Final[Mapping[object, Reader]] = {
    "uuid": _uuid,
    "timestamp-micros": _moment,
    "date": _day,
}
