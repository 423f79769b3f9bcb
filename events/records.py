"""Dataclasses to the plain records that Avro writes, by a plan made once per type.

Avro writes bare numbers, text and bytes by `events.readers.bare`; what a logical type makes of a
value is done here, in a fraction of the time, as every event waits for it.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from events.values import EXACT, PRECISION, Scale

Writer: TypeAlias = Callable[[Any], Any]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)


def record_writer(kind: type, *, without: frozenset[str] = frozenset()) -> Writer:
    """Return a function from an instance of `kind` to a dict of what Avro can write.

    Fields `without` are left out of it.
    """
    plan = [(name, _write(hint)) for name, hint in hints_of(kind) if name not in without]

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
    convert: Writer | None = _LOGICAL.get(hint) if scale is None else _decimal(scale.digits)
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


def _decimal(scale: int) -> Writer:
    """Return what makes two's complement, as short as can be, of a decimal's whole multiple."""
    whole_digits = PRECISION - scale

    def write(value: Decimal) -> bytes:
        if not value.is_finite():
            raise ValueError(f"{value} is no number that can be written")
        if value and value.adjusted() >= whole_digits:  # 1E+400 is written with one digit
            raise ValueError(f"{value} has more than {whole_digits} digits before the point")
        scaled = value.scaleb(scale, EXACT)
        unscaled = int(scaled)
        if unscaled != scaled:
            raise ValueError(f"{value} has more than {scale} digits behind the point")
        return unscaled.to_bytes((unscaled.bit_length() + 8) >> 3, "big", signed=True)

    return write


def _moment(value: datetime) -> int:
    if value.tzinfo is None:
        raise ValueError(f"{value} names no time zone")
    return (value - EPOCH) // _MICROSECOND


def _day(value: date) -> int:
    return value.toordinal() - EPOCH_DAY


_LOGICAL: Final[dict[object, Writer]] = {UUID: str, datetime: _moment, date: _day}


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
