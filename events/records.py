"""Dataclasses to the plain records that Avro writes, by a plan made once per type."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from events.values import PRECISION, Scale

Writer: TypeAlias = Callable[[Any], Any]


def record_writer(kind: type) -> Writer:
    """Return a function from an instance of `kind` to a dict of what Avro can write."""
    plan = [(name, _write(hint)) for name, hint in hints_of(kind)]

    def write(instance: Any) -> dict[str, Any]:  # noqa: ANN401 -- `kind` is only known at run time
        return {
            name: getattr(instance, name) if convert is None else convert(getattr(instance, name))
            for name, convert in plan
        }

    return write


def hints_of(kind: type) -> list[tuple[str, object]]:
    """Return the names and types of a dataclass's fields."""
    hints = get_type_hints(kind, include_extras=True)
    return [(field.name, hints[field.name]) for field in fields(kind)]


def _write(hint: object) -> Writer | None:
    scale = _scale_of(hint)
    hint, optional = unwrapped(hint)
    convert: Writer | None = None if scale is None else _fitting(PRECISION - scale.digits)
    if get_origin(hint) is tuple:
        item = _write(get_args(hint)[0])
        convert = list if item is None else lambda values: [item(value) for value in values]
    elif isinstance(hint, type) and is_dataclass(hint):
        convert = record_writer(hint)
    return _or_none(convert) if optional else convert


def _scale_of(hint: object) -> Scale | None:
    if get_origin(hint) in (Union, UnionType):
        return next((scale for one in get_args(hint) if (scale := _scale_of(one))), None)
    if get_origin(hint) is Annotated:
        return next((one for one in get_args(hint) if isinstance(one, Scale)), None)
    return None


def _fitting(whole_digits: int) -> Writer:
    """Avro's writer counts the digits that a decimal is written with: 1E+400 has one."""

    def fitting(value: Decimal) -> Decimal:
        if value and value.adjusted() >= whole_digits:
            raise ValueError(f"{value} has more than {whole_digits} digits before the point")
        return value

    return fitting


def _or_none(convert: Writer | None) -> Writer | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)


def unwrapped(hint: object) -> tuple[object, bool]:
    """Return a type without its ``| None`` and its annotations, and whether it may be None."""
    if get_origin(hint) in (Union, UnionType):
        [some] = [argument for argument in get_args(hint) if argument is not NoneType]
        return unwrapped(some)[0], True
    if get_origin(hint) is Annotated:
        return get_args(hint)[0], False
    return hint, False
