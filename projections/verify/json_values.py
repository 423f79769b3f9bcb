"""What a JSON column must hold, as Python values that compare exactly."""

import json
import math
from decimal import Decimal
from typing import Any


def loads(text: str | bytes) -> Any:  # noqa: ANN401 -- any JSON
    """Return JSON as values; numbers keep every digit."""
    return json.loads(text, parse_float=Decimal)


def stored(text: str | None) -> Any:  # noqa: ANN401 -- any JSON
    """Return what the log's text is in a JSON column: an object, an array, else a string."""
    if text is None:
        return None
    if not text.startswith(("{", "[")) or "\\u0000" in text:
        return storable(text)
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return storable(text)
    return value if _speakable(value) else storable(text)


def storable(text: str) -> str:
    """Return text as PostgreSQL takes it: a NUL becomes U+FFFD."""
    return text.replace("\0", "\ufffd")


def digits(value: Decimal | None) -> str | None:
    """Return a decimal as JSON columns show it: as text, every digit."""
    return None if value is None else f"{value:f}"


def same(one: object, other: object) -> bool:
    """Say whether two values are the same; true is not 1, and 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _speakable(value: object) -> bool:
    """Say whether PostgreSQL takes it: no half characters, no number that is none."""
    match value:
        case dict():
            return all(_speakable(key) and _speakable(item) for key, item in value.items())
        case list():
            return all(map(_speakable, value))
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case float():
            return math.isfinite(value)
        case _:
            return True
