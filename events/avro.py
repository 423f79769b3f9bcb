"""Avro schemas from the event types: the dataclasses are the source, the files are generated."""

from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from events.catalog import NAMESPACE
from events.values import PRECISION, Scale

Json: TypeAlias = dict[str, Any]

_PRIMITIVES: Final[dict[type, str | Json]] = {
    str: "string",
    int: "long",
    bool: "boolean",
    UUID: {"type": "string", "logicalType": "uuid"},
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
    date: {"type": "int", "logicalType": "date"},
}


def avro_schema(event_type: type) -> Json:
    """Return the Avro schema of a dataclass as JSON: namespaced, without a version, without floats.

    Raises:
        TypeError: A field has a type that has no place on the wire.
    """
    return _record(event_type, defined=set())


def _record(kind: type, defined: set[str]) -> Json:
    hints = get_type_hints(kind, include_extras=True)
    defined.add(kind.__name__)
    return {
        "type": "record",
        "name": kind.__name__,
        "namespace": NAMESPACE,
        "doc": " ".join((kind.__doc__ or "").split()),
        "fields": [_field(field, hints[field.name], defined) for field in fields(kind)],
    }


def _field(field: Field[Any], hint: object, defined: set[str]) -> Json:
    described: Json = {"name": field.name, "type": _type(hint, defined)}
    if field.default is not MISSING:
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        described["default"] = default
    return described


def _type(hint: object, defined: set[str]) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _decimal(hint, arguments)
    if origin in (Union, UnionType):
        return _optional(hint, arguments, defined)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 -- tuple[X, ...]
        return {"type": "array", "items": _type(arguments[0], defined)}
    if isinstance(hint, type):
        return _named(hint, defined)
    raise TypeError(f"{hint!r} has no place on the wire: use text, int, Decimal, time or an enum")


def _named(kind: type, defined: set[str]) -> object:
    if kind in _PRIMITIVES:
        return _PRIMITIVES[kind]
    if kind.__name__ in defined:
        return kind.__name__
    if issubclass(kind, StrEnum):
        defined.add(kind.__name__)
        return _enum(kind)
    if is_dataclass(kind):
        return _record(kind, defined)
    raise TypeError(f"{kind!r} has no place on the wire: use text, int, Decimal, time or an enum")


def _decimal(hint: object, arguments: tuple[object, ...]) -> Json:
    scale = arguments[1]
    if arguments[0] is not Decimal or not isinstance(scale, Scale):
        raise TypeError(f"{hint!r} has no place on the wire: annotate Decimal with its Scale")
    return {
        "type": "bytes",
        "logicalType": "decimal",
        "precision": PRECISION,
        "scale": scale.digits,
    }


def _optional(hint: object, arguments: tuple[object, ...], defined: set[str]) -> list[object]:
    some = [argument for argument in arguments if argument is not NoneType]
    if len(some) != 1 or NoneType not in arguments:
        raise TypeError(f"{hint!r} has no place on the wire: only `X | None` is a union here")
    return ["null", _type(some[0], defined)]


def _enum(kind: type[StrEnum]) -> Json:
    return {
        "type": "enum",
        "name": kind.__name__,
        "namespace": NAMESPACE,
        "symbols": [member.value for member in kind],
        "default": "UNKNOWN",  # what a reader of today makes of a symbol of tomorrow
    }
