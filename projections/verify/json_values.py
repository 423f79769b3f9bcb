"""What a JSON column must hold, as Python values that compare exactly."""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from math import isinf
from typing import Any, Final

_UNMADE: Final = ...
"""Nothing yet: the same object in every process, and no JSON."""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")  # none that a table could hold


def _number(text: str) -> Decimal:
    """Return a number that PostgreSQL and Python both take."""
    number = Decimal(text)
    if "e" in text or "E" in text or len(text) > _ORDINARY:
        exponent = number.as_tuple().exponent
        is_known = isinstance(exponent, int) and exponent in _EXPONENTS
        if isinf(float(text)) or not is_known:
            _refuse(text)
    return number


_ORDINARY: Final = 300
_EXPONENTS: Final = range(-16_383, 131_073)
"""Behind the point PostgreSQL has no more digits, before it as many."""
_DECODER: Final = json.JSONDecoder(parse_float=Decimal)
_STRICT: Final = json.JSONDecoder(parse_float=_number, parse_constant=_refuse)


class Json:
    """What a JSON column must hold, made of the log when somebody asks for it.

    Reading JSON takes longer than all else of a row. So the `text` that PostgreSQL shows for it is
    guessed where that is easy, and remembered once it was read: rows that show it are right.
    """

    __slots__ = ("_make", "_text", "_value")

    def __init__(self, make: Callable[[], Any], text: str | None = None) -> None:
        """Make nothing yet; `text` must be JSON of what `make` returns, or no JSON at all."""
        self._make = make
        self._text = text
        self._value: Any = _UNMADE

    @property
    def value(self) -> Any:  # noqa: ANN401 -- any JSON
        """What the column must hold, as `loads` returns it."""
        if self._value is _UNMADE:
            self._value = self._make()
        return self._value

    def is_shown_as(self, text: str) -> bool:
        """Say whether `text`, which is JSON, is what the column must hold."""
        if text == self._text:
            return True
        if not same(loads(text), self.value):
            return False
        self._text = text
        return True


def loads(text: str) -> Any:  # noqa: ANN401 -- any JSON
    """Return JSON as values; numbers keep every digit."""
    return _DECODER.decode(text)


def stored(text: str | None) -> Json | None:
    """Return what a JSON column holds of the log's text; see `parsed`."""
    return None if text is None else Json(partial(parsed, text))


def parsed(text: str | None) -> Any:  # noqa: ANN401 -- any JSON
    """Return what the log's text is in a JSON column: an object, an array, else a string."""
    if text is None:
        return None
    if not text.startswith(("{", "[")) or "\\u0000" in text:
        return storable(text)
    try:
        value = _STRICT.decode(text)
    except (ValueError, ArithmeticError, RecursionError):
        return storable(text)
    is_speakable = (text.isascii() and "\\u" not in text) or _speakable(value)
    return value if is_speakable else storable(text)


def storable(text: str) -> str:
    """Return text as PostgreSQL takes it: a NUL becomes U+FFFD."""
    return text.replace("\0", "\ufffd")


def digits(value: Decimal | None) -> str | None:
    """Return a decimal as JSON columns show it: as text, every digit."""
    return None if value is None else f"{value:f}"


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 -- any value
    """Say whether two values are the same; true is not 1, and 1.0 is 1."""
    kind = type(one)
    if kind is bool or type(other) is bool:
        return one is other
    if kind is dict and type(other) is dict:
        if one.keys() != other.keys():
            return False
        return all([same(value, other[key]) for key, value in one.items()])  # noqa: C419 -- quicker
    if kind is list and type(other) is list:
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _speakable(value: object) -> bool:
    """Say whether PostgreSQL takes it: no half characters."""
    match value:
        case dict():
            return all(_speakable(key) and _speakable(item) for key, item in value.items())
        case list():
            return all(map(_speakable, value))
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case _:
            return True
