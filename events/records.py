"""Dataclasses to the plain records that Avro writes, and back, by a plan made once per type."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

Writer: TypeAlias = Callable[[Any], Any]
Reader: TypeAlias = Callable[[Any], Any]


def record_writer(kind: type) -> Writer:
    """Return a function from an instance of `kind` to a dict of what Avro can write."""
    plan = [(name, _write(hint)) for name, hint in _hints(kind)]

    def write(instance: Any) -> dict[str, Any]:  # noqa: ANN401 -- `kind` is only known at run time
        return {
            name: getattr(instance, name) if convert is None else convert(getattr(instance, name))
            for name, convert in plan
        }

    return write


def record_reader(kind: type) -> Reader:
    """Return a function from what Avro read to an instance of `kind`.

    Fields that `kind` does not know are passed over, fields that the writer did not know take
    their defaults, an enum's unknown symbol becomes ``UNKNOWN``.
    """
    plan = [(name, _read(hint)) for name, hint in _hints(kind)]

    def read(record: dict[str, Any]) -> Any:  # noqa: ANN401 -- `kind` is only known at run time
        return kind(
            **{
                name: record[name] if convert is None else convert(record[name])
                for name, convert in plan
                if name in record
            }
        )

    return read


def _hints(kind: type) -> list[tuple[str, object]]:
    hints = get_type_hints(kind, include_extras=True)
    return [(field.name, hints[field.name]) for field in fields(kind)]


def _write(hint: object) -> Writer | None:
    hint, optional = _unwrap(hint)
    convert: Writer | None = None
    if get_origin(hint) is tuple:
        item = _write(get_args(hint)[0])
        convert = list if item is None else lambda values: [item(value) for value in values]
    elif isinstance(hint, type) and is_dataclass(hint):
        convert = record_writer(hint)
    return _or_none(convert) if optional else convert


def _read(hint: object) -> Reader | None:
    hint, optional = _unwrap(hint)
    convert: Reader | None = None
    if get_origin(hint) is tuple:
        item = _read(get_args(hint)[0])
        convert = tuple if item is None else lambda values: tuple(item(value) for value in values)
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        symbols = {member.value: member for member in hint}
        unknown = symbols["UNKNOWN"]
        convert = lambda symbol: symbols.get(symbol, unknown)  # noqa: E731 -- one of a family of closures
    elif isinstance(hint, type) and is_dataclass(hint):
        convert = record_reader(hint)
    return _or_none(convert) if optional else convert


def _or_none(convert: Writer | None) -> Writer | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)


def _unwrap(hint: object) -> tuple[object, bool]:
    if get_origin(hint) in (Union, UnionType):
        [some] = [argument for argument in get_args(hint) if argument is not NoneType]
        return _unwrap(some)[0], True
    if get_origin(hint) is Annotated:
        return get_args(hint)[0], False
    return hint, False
