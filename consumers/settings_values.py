"""The types of single settings: strict where TOML has the type, read exactly where it has not.

TOML knows whole numbers, truth values and text, so a setting of one is never taken for another. An
environment variable knows text alone: it arrives as `EnvironmentText` and is read by the type of
the setting it overrides.
"""

import re
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal, Inexact, InvalidOperation
from enum import StrEnum
from functools import partial
from types import GenericAlias
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin

from immutables import Map
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
)

from events.values import EXACT, MONEY_SCALE

_WHOLE: Final = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_TRUTH: Final = {"true": True, "false": False}
_MONEY_LIMIT: Final = Decimal(10) ** 15


class Table(BaseModel):
    """A table of the configuration: an unknown key is refused, and no value is shown in a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class EnvironmentText(str):
    """A value that came from an environment variable."""

    __slots__ = ()


def _whole(value: object) -> object:
    if isinstance(value, EnvironmentText) and _WHOLE.fullmatch(value):
        return int(value)
    return value


def _truth(value: object) -> object:
    if isinstance(value, EnvironmentText):
        return _TRUTH.get(value.lower(), str(value))
    return value


def _decimal(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("must be a number")  # noqa: TRY004 -- pydantic collects ValueErrors
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError('must be a number such as 12.5 or "12.5"')
    return value


def _dollars(value: Decimal) -> Decimal:
    try:
        fits = value == value.quantize(Decimal(1).scaleb(-MONEY_SCALE), context=EXACT)
    except (Inexact, InvalidOperation):
        fits = False
    if not fits or abs(value) >= _MONEY_LIMIT:
        raise ValueError(f"must have at most {MONEY_SCALE} decimals and be below {_MONEY_LIMIT}")
    return value


_A_START: Final = 'must be "latest", "earliest" or a time such as 2026-01-31T09:30:00-05:00'


def _time_from_text(value: object) -> object:
    if isinstance(value, str) and value not in ("latest", "earliest"):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_A_START) from None
    if not isinstance(value, str | datetime):  # a number would be taken for seconds since 1970
        raise ValueError(_A_START)  # noqa: TRY004 -- pydantic collects ValueErrors
    return value


def require_connection_string(text: str) -> None:
    """Refuse what PostgreSQL's library would repeat, password and all, where it is used.

    Raises:
        ValueError: Why `text` is none, without a word of it.
    """
    if not re.match(r"postgres(ql)?://|\s*\w+\s*=", text):
        raise ValueError("is no connection string: write it as postgresql://user@host:port/name")
    if re.match(r"\w+://[^/?]*@[^/?]*@", text):  # the rest of the password would be the host
        raise ValueError("has more than one @ before its host: write one in a password as %40")


def _clock_time(value: object) -> object:
    try:
        found = time.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, time) or found.tzinfo is not None:
        raise ValueError("must be a time of day such as 14:30, without a zone")
    return found


Whole: TypeAlias = Annotated[int, Strict(), BeforeValidator(_whole)]
Flag: TypeAlias = Annotated[bool, Strict(), BeforeValidator(_truth)]
Text: TypeAlias = Annotated[str, Strict(), Field(min_length=1)]
Exact: TypeAlias = Annotated[Decimal, Field(allow_inf_nan=False), BeforeValidator(_decimal)]
"""A decimal number, written bare or as text; never a float on its way."""

Dollars: TypeAlias = Annotated[Exact, AfterValidator(_dollars)]
"""US dollars to 8 decimals."""

TimeOfDay: TypeAlias = Annotated[time, BeforeValidator(_clock_time)]
StartFrom: TypeAlias = Annotated[
    Literal["latest", "earliest"] | AwareDatetime, BeforeValidator(_time_from_text)
]
_SCALARS: Final[dict[object, object]] = {
    int: Whole,
    bool: Flag,
    str: Text,
    Decimal: Exact,
    time: TimeOfDay,
}


def strict(hint: object) -> Any:  # noqa: ANN401 -- a type made at run time is Any to a type checker
    """Return what pydantic should read in place of the type `hint` of a limit.

    Scalars become their strict counterparts above, enums are read by value in either case, sets
    from lists (``a,b`` in the environment), maps from tables: a table in a table where a key has
    two parts.

    Raises:
        TypeError: A limit has a type that nobody has thought of here.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Annotated[hint, BeforeValidator(partial(_member, hint))]
    if origin is frozenset:
        listed = GenericAlias(frozenset, (strict(arguments[0]),))
        return Annotated[listed, BeforeValidator(_listed)]
    if origin is Map and get_origin(arguments[0]) is tuple:
        outer, inner = map(strict, get_args(arguments[0]))
        row = GenericAlias(dict, (inner, strict(arguments[1])))
        return Annotated[GenericAlias(dict, (outer, row)), AfterValidator(_flattened)]
    if origin is Map:
        table = GenericAlias(dict, (strict(arguments[0]), strict(arguments[1])))
        return Annotated[table, AfterValidator(Map)]
    raise TypeError(f"{hint!r} cannot be read from a configuration yet: teach it here")


def all_different(values: Mapping[str, str], fault: str) -> None:
    """Refuse a value that two accounts have, by their names.

    Raises:
        ValueError: Two have; the value, which may be a secret, is not told.
    """
    names = dict[str, str]()
    for name, value in values.items():
        if (other := names.setdefault(value, name)) != name:
            raise ValueError(f"accounts {other} and {name} have {fault}")


def _member(kind: type[StrEnum], value: object) -> object:
    known = {member.lower(): member for member in kind if member.name != "UNKNOWN"}
    if not isinstance(value, str) or value.lower() not in known:
        raise ValueError("must be one of " + ", ".join(sorted(known.values())))
    return known[value.lower()]


def _listed(value: object) -> object:
    if isinstance(value, EnvironmentText):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _flattened(tables: dict[Any, dict[Any, Any]]) -> Map[tuple[Any, Any], Any]:
    return Map(
        {(outer, inner): value for outer, row in tables.items() for inner, value in row.items()}
    )
