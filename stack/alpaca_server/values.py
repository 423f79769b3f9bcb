"""Decimals, times, ids and JSON as Alpaca writes them."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from stack.alpaca_server.errors import BAD_PARAMETER, UNPROCESSABLE, Refusal

SECOND: Final = 1_000_000_000
"""Times are whole nanoseconds since 1970, because Alpaca's are that fine."""

_NAMESPACE: Final = uuid5(NAMESPACE_URL, "alpaca.fake")
_FRACTION: Final = re.compile(r"\.(\d{1,9})")
_CENT: Final = Decimal("0.01")
_MICRO: Final = Decimal("0.000001")
_WIDE: Final = Context(prec=60)
_DIGITS: Final = 40


def decimal_in(name: str, value: object) -> Decimal:
    """Read a number that a client sent as a string or as a JSON number.

    Raises Refusal (422) for anything else, NaN and infinities included.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise InvalidOperation  # noqa: TRY301 -- one sentence for every way of being no number
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS:
        raise Refusal(UNPROCESSABLE, BAD_PARAMETER, f"invalid {name}")
    return number


def text(value: Decimal) -> str:
    """Write a decimal plainly, without an exponent and without zeros at its end."""
    plain = f"{value:f}"
    short = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if short == "-0" else short


def cents(value: Decimal) -> Decimal:
    """Round to whole cents, half up, as cash is kept."""
    return value.quantize(_CENT, rounding=ROUND_HALF_UP, context=_WIDE)


def micros(value: Decimal) -> Decimal:
    """Round to six decimals, as averages and values of positions are shown."""
    return value.quantize(_MICRO, rounding=ROUND_HALF_UP, context=_WIDE)


def decimals_of(value: Decimal) -> int:
    """Count the digits behind the point that a number really has."""
    exponent = value.normalize(_WIDE).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def stamp(at: int) -> str:
    """Write a time with as many of its nine decimals as it needs, in UTC."""
    seconds, rest = divmod(at, SECOND)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{rest:09d}".rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def stamp_micros(at: int) -> str:
    """Write a time rounded to microseconds, as activities show it."""
    return stamp((at + 500) // 1_000 * 1_000)


def nanos(moment: str) -> int:
    """Read an ISO time (UTC where it names no zone) without losing its nanoseconds.

    Raises ValueError when it is none.
    """
    whole = datetime.fromisoformat(moment)
    aware = whole if whole.tzinfo is not None else whole.replace(tzinfo=UTC)
    found = _FRACTION.search(moment)
    fraction = int(found[1].ljust(9, "0")) if found else 0
    return int(aware.replace(microsecond=0).timestamp()) * SECOND + fraction


def nanos_of(moment: datetime) -> int:
    """Turn an aware time into nanoseconds since 1970."""
    return nanos(moment.isoformat())


def moment_of(at: int) -> datetime:
    """Turn nanoseconds into an aware time, whose nanoseconds below a microsecond are lost."""
    seconds, rest = divmod(at, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)


def id_of(*parts: str | int) -> str:
    """Make an id that depends on `parts` alone, so that the same story has the same ids."""
    return str(uuid5(_NAMESPACE, "/".join(map(str, parts))))


def is_uuid(value: str) -> bool:
    """Tell whether a text is a UUID."""
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def json_text(value: object) -> str:
    """Write JSON in which a Decimal is a number with exactly its digits."""
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, Mapping):
        inner = (f"{json.dumps(str(key))}:{json_text(item)}" for key, item in value.items())
        return "{" + ",".join(inner) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    return json.dumps(value)


def json_in(body: bytes | str) -> object:
    """Read JSON in which no number ever becomes a float.

    Raises ValueError when it is no JSON.
    """
    return json.loads(body, parse_float=Decimal)
