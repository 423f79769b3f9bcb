"""What goes into JSON columns: gates, market, whatever text the log brought."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from json.encoder import encode_basestring as _quoted
from math import inf, isinf
from types import NoneType
from typing import Any, Final

from events.decision import GateResult, MarketSeen, OffsetsSeen, Verdict
from events.gates_text import GatesText
from projections.stage import Json

_FRACTION_MAX: Final = 16_383
"""So many digits behind the point has a number of PostgreSQL at most."""
_EXPONENT_MAX: Final = 131_072
_NUL: Final = "\\u0000"
_EXPONENT: Final = re.compile(r"[0-9][eE]")
_ESCAPED_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def json_text(value: object) -> Json:
    """Return `value` as JSON text; decimals keep their digits, as text, and a NUL is U+FFFD."""
    return _storable(_ENCODER.encode(value))


def json_or_text(text: str | None) -> Json | None:
    """Return `text` itself where it is a JSON object or array that PostgreSQL takes, else a string.

    The log promises JSON here but cannot enforce it, and a table is no place to refuse a fact.
    """
    if text is None:
        return None
    return json_text(text) if isinstance(parsed(text), str) else Json(text)


def parsed(text: str) -> object:
    """Return the JSON object or array in `text`; `text` itself where it holds none."""
    if text[:1] not in ("{", "[") or _NUL in text:
        return text
    value: object
    try:
        value, end = _PLAINLY.raw_decode(text)
        if text[end:].strip(_SPACE):
            return text  # no JSON: something follows it
        if not _is_plain(value, text):
            _STRICT.encode(_BOUNDED.decode(text)).encode()
    except (ValueError, ArithmeticError, RecursionError):
        return text  # no JSON, half a character, a number beyond all bounds
    return value


def gates_json(gates: Sequence[GateResult]) -> Json:
    """Return every gate's answer, in the gates' order."""
    if isinstance(gates, GatesText):
        return Json(gates.json())
    text = ",".join(
        [
            f'{{"gate":{_quoted(gate.gate)},"verdict":{_quoted(gate.verdict)},'
            f'"reason":{_quoted(gate.reason)},"observed":{_quoted(gate.observed)},'
            f'"threshold":{_quoted(gate.threshold)}}}'
            for gate in gates
        ]
    )
    return _storable(f"[{text}]")


def gates_declined(gates: Sequence[GateResult]) -> list[GateResult]:
    """Return the gates that declined, in their order."""
    if isinstance(gates, GatesText):
        return gates.declined()
    return [gate for gate in gates if gate.verdict is Verdict.DECLINED]


def market_dict(market: MarketSeen) -> dict[str, Any]:
    """Return the market as the decision saw it, ready for JSON."""
    return {
        "source": market.source,
        "observed_at": market.observed_at.isoformat(),
        "reference_price": market.reference_price,
        "bid": market.bid,
        "ask": market.ask,
    }


def seen_dict(seen: OffsetsSeen) -> dict[str, int | None]:
    """Return the offsets that a decision had seen, ready for JSON."""
    return {
        "log": seen.log,
        "recommendations": seen.recommendations,
        "commands": seen.commands,
    }


def _bounded(text: str) -> float:
    """Return a number that PostgreSQL takes as well."""
    exponent, number = Decimal(text).as_tuple().exponent, float(text)
    is_within = isinstance(exponent, int) and -_FRACTION_MAX <= exponent <= _EXPONENT_MAX
    if not is_within or isinf(number):
        _refuse(text)
    return number


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number of PostgreSQL")


def _is_plain(value: object, text: str) -> bool:
    """Say whether the object `value`, read from `text`, has nothing in it that could be refused.

    Most have not: to read them with more care, and to write them once more only to see that it can
    be done, takes longest. A zero may be what is too small, and of two values for one key the first
    is not in `value`.
    """
    if type(value) is not dict or not text.isascii() or "\\u" in text or "NaN" in text:
        return False
    if len(text) > _FRACTION_MAX or text.count(":") != len(value):
        return False
    floats = [one for one in value.values() if type(one) is float]
    if inf in floats or -inf in floats or (0.0 in floats and _EXPONENT.search(text)):
        return False
    return _PLAIN.issuperset(map(type, value.values()))


def _storable(text: str) -> Json:
    return Json(_ESCAPED_NUL.sub("\\1\ufffd", text) if _NUL in text else text)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in a JSON column")


_SPACE: Final = " \t\n\r"
_PLAINLY: Final = json.JSONDecoder()
_PLAIN: Final = frozenset({str, int, float, bool, NoneType})
_BOUNDED: Final = json.JSONDecoder(parse_float=_bounded, parse_constant=_refuse)
_STRICT: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_ENCODER: Final = json.JSONEncoder(default=_plain, ensure_ascii=False, separators=(",", ":"))
