"""How values of a type look in JSON and back: plans made from type hints, once per type."""

from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NewType, TypeAlias, get_args, get_origin, get_type_hints
from uuid import UUID

from immutables import Map

from accounts.bitmaps import packed, unpacked
from accounts.idset import IdSet
from events.records import hints_of, unwrapped

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Form:
    """Both ways of one type: `write` makes JSON of a value, `read` a value of JSON.

    `read` raises `ValueError` for what is no such JSON; its message begins with the place.
    """

    write: Callable[[Any], Json]
    read: Callable[[Json], Any]


@lru_cache(maxsize=1_024)  # as many as there are types
def form_of(hint: object) -> Form:
    """Return how values of type `hint` are written and read.

    Raises:
        TypeError: There is no form for such a type yet: give it one here.
    """
    inner, optional = unwrapped(hint)
    while isinstance(inner, NewType):
        inner = inner.__supertype__
    form = _form(inner)
    if not optional:
        return form
    return Form(
        lambda value: None if value is None else form.write(value),
        lambda value: None if value is None else form.read(value),
    )


def _form(hint: object) -> Form:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and arguments[1:] == (...,):
        return _sequence(tuple, form_of(arguments[0]))
    if origin is frozenset:
        return _sequence(frozenset, form_of(arguments[0]))
    if origin is Map:
        return _mapping(arguments[0], form_of(arguments[1]))
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Form(str, lambda value: hint(_only(str, value)))
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        return _record(hint) if is_dataclass(hint) else _row(hint)
    raise TypeError(f"{hint!r} has no form in a snapshot")


def _record(kind: type) -> Form:
    forms = {name: form_of(hint) for name, hint in hints_of(kind)}
    known = frozenset(forms)

    def write(value: object) -> Json:
        return {name: form.write(getattr(value, name)) for name, form in forms.items()}

    def read(value: Json) -> object:
        if not isinstance(value, dict):
            raise ValueError(f": is no {kind.__name__}")  # noqa: TRY004 -- one kind of error for a reader
        if value.keys() != known:
            differing = ", ".join(sorted(value.keys() ^ known))
            raise ValueError(f": is no {kind.__name__} of this build: {differing}")
        return kind(**_read_all(value, forms))

    return Form(write, read)


def _row(kind: type) -> Form:
    """A named tuple without its names: of what there is too much of to repeat them."""
    forms = {name: form_of(hint) for name, hint in get_type_hints(kind).items()}

    def write(value: Any) -> Json:  # noqa: ANN401 -- of `kind`
        return [form.write(one) for form, one in zip(forms.values(), value, strict=True)]

    def read(value: Json) -> object:
        row = _only(list, value)
        if len(row) != len(forms):
            raise ValueError(f": is no {kind.__name__} of this build: {len(row)} values")
        return kind(**_read_all(dict(zip(forms, row, strict=True)), forms))

    return Form(write, read)


def _read_all(value: dict[str, Json], forms: dict[str, Form]) -> dict[str, Any]:
    found, name = {}, ""
    try:
        for name, form in forms.items():
            found[name] = form.read(value[name])
    except ValueError as error:
        raise _at(f".{name}", error) from None
    return found


def _sequence(kind: type, item: Form) -> Form:
    def write(value: Any) -> Json:  # noqa: ANN401 -- of whatever kind
        written = [item.write(one) for one in value]
        return sorted(written) if kind is frozenset else written

    def read(value: Json) -> object:
        rows, found = _only(list, value), list[object]()
        try:
            for one in rows:
                found.append(item.read(one))
        except ValueError as error:
            raise _at(f"[{len(found)}]", error) from None
        return kind(found)

    return Form(write, read)


def _mapping(key_hint: object, item: Form) -> Form:
    key = _WHOLE_AS_TEXT if key_hint is int else form_of(key_hint)

    def write(value: Map[Any, Any]) -> Json:
        return {key.write(name): item.write(one) for name, one in value.items()}

    def read(value: Json) -> object:
        rows, found, name = _only(dict, value), {}, ""
        try:
            for name, one in rows.items():
                found[key.read(name)] = item.read(one)
        except ValueError as error:
            raise _at(f"[{name!r}]", error) from None
        return Map(found)

    return Form(write, read)


def _at(place: str, error: ValueError) -> ValueError:
    """Put the place in front of what an error says."""
    text = str(error)
    return ValueError(f"{place}{'' if text.startswith(('.', '[', ':')) else ': '}{text}")


def _only(kind: type, value: Json) -> Any:  # noqa: ANN401 -- an instance of `kind`
    if type(value) is not kind:
        raise ValueError(f"is no {kind.__name__}, but {type(value).__name__}")
    return value


def _decimal(value: Json) -> Decimal:
    try:
        number = Decimal(_only(str, value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is no decimal") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not finite")
    return number


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _utc(value: Json) -> datetime:
    at = datetime.fromisoformat(_only(str, value))
    if at.utcoffset() != timedelta(0):
        raise ValueError(f"{value!r} is not in UTC")
    return at


def _same(value: Json) -> Json:
    return value


_WHOLE_AS_TEXT: Final = Form(str, lambda value: int(_only(str, value)))
_SIMPLE: Final[dict[object, Form]] = {
    str: Form(_same, lambda value: _only(str, value)),
    int: Form(_same, lambda value: _only(int, value)),
    bool: Form(_same, lambda value: _only(bool, value)),
    None: Form(_same, lambda value: _only(type(None), value)),
    Decimal: Form(str, _decimal),
    UUID: Form(str, lambda value: UUID(_only(str, value))),
    datetime: Form(_moment, _utc),
    date: Form(date.isoformat, lambda value: date.fromisoformat(_only(str, value))),
    IdSet: Form(packed, unpacked),
}
