"""Instances of any event type, made from its type hints: arbitrary ones, and a fixed one each."""

from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st

from events.catalog import AnyEvent
from events.values import PRECISION

_TIMES = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 -- Hypothesis wants bounds without a zone
    max_value=datetime(2999, 12, 31),  # noqa: DTZ001 -- as above
    timezones=st.just(UTC),
)
_SCALARS: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    UUID: st.uuids(),
    datetime: _TIMES,
    date: st.dates(),
}
_LARGEST = 10**PRECISION - 1


def arbitrary(hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 -- any type, as a value
    """Anything that fits `hint`, a scalar or a dataclass of such."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        digits = arguments[1].digits
        return st.integers(-_LARGEST, _LARGEST).map(lambda n: Decimal(f"{n}E-{digits}"))
    if origin in (Union, UnionType):
        [some] = [one for one in arguments if one is not NoneType]
        return st.none() | arbitrary(some)
    if origin is tuple:
        return st.lists(arbitrary(arguments[0]), max_size=3).map(tuple)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    if is_dataclass(hint):
        make: Any = hint
        hints = get_type_hints(make, include_extras=True)
        return st.builds(make, **{one.name: arbitrary(hints[one.name]) for one in fields(hint)})
    return _SCALARS[hint]


def example(kind: type[AnyEvent]) -> AnyEvent:
    """The one fixed instance of an event type whose bytes are kept for ever: nothing is absent."""
    made: AnyEvent = _fixed(kind, kind.__name__, 1)
    return made


def _fixed(hint: Any, name: str, number: int) -> Any:  # noqa: ANN401 -- as above
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Decimal(number).scaleb(-arguments[1].digits) + number
    if origin in (Union, UnionType):
        return _fixed(next(one for one in arguments if one is not NoneType), name, number)
    if origin is tuple:
        return tuple(_fixed(arguments[0], f"{name}-{i}", number + i) for i in range(2))
    if issubclass(hint, StrEnum):
        known = [one for one in hint if one.name != "UNKNOWN"]
        return known[number % len(known)]
    if is_dataclass(hint):
        make: Any = hint
        hints = get_type_hints(make, include_extras=True)
        return make(
            **{
                one.name: _fixed(hints[one.name], one.name, number + place)
                for place, one in enumerate(fields(hint))
            }
        )
    return _scalar(hint, name, number)


def _scalar(hint: Any, name: str, number: int) -> Any:  # noqa: ANN401 -- as above
    moment = datetime(2022, 3, 16, 15, 0, tzinfo=UTC) + timedelta(hours=number, microseconds=number)
    return {
        str: f"{name} é {number}",
        int: number * 1_000_003,
        bool: number % 2 == 0,
        UUID: UUID(int=number),
        datetime: moment,
        date: moment.date() + timedelta(days=number),
    }[hint]
