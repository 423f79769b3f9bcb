"""Gates to Avro's bytes without a record for each: they are half of what a decision has to say."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, TypeAlias

from events.decision import GateResult
from events.gates_schema import verdict_symbols

GatesWriter: TypeAlias = Callable[[Iterable[GateResult]], bytes]

_LENGTHS: Final = 4096
_END: Final = b"\0"


def gates_writer(schema: Any) -> GatesWriter | None:  # noqa: ANN401 -- JSON
    """Return a function that writes gates by `schema`, None where that has another shape.

    The function raises ValueError, IndexError or KeyError for whatever is out of the ordinary (text
    beyond ASCII, or longer than 4,095 characters): write that by the schema itself.
    """
    symbols = verdict_symbols(schema)
    if symbols is None:
        return None
    return _writer({symbol: _number(at) for at, symbol in enumerate(symbols)})


def _writer(verdicts: dict[str, str]) -> GatesWriter:
    lengths = _lengths()

    def write(gates: Iterable[GateResult]) -> bytes:
        texts: list[str] = []
        pieces: list[str] = []
        for one in gates:
            gate, reason, observed, threshold = one.gate, one.reason, one.observed, one.threshold
            texts += (gate, reason, observed, threshold)
            pieces.append(
                f"{lengths[len(gate)]}{gate}{verdicts[one.verdict]}"
                f"{lengths[len(reason)]}{reason}{lengths[len(observed)]}{observed}"
                f"{lengths[len(threshold)]}{threshold}"
            )
        if not pieces:
            return _END
        if not "".join(texts).isascii():
            raise ValueError("a text has characters of several bytes")
        # Each character is a byte by now: numbers as Latin-1 has them, and text of ASCII alone.
        return f"{lengths[len(pieces)]}{''.join(pieces)}".encode("latin-1") + _END

    return write


@cache
def _lengths() -> list[str]:
    """Return what each length up to the longest is written as: made once, for all who write."""
    return [_number(length) for length in range(_LENGTHS)]


def _number(value: int) -> str:
    """Return a number of 0 or more as Avro writes it, a character for each byte."""
    left, written = value << 1, ""
    while left > 127:  # noqa: PLR2004 -- seven bits of each byte
        written += chr(left & 127 | 128)
        left >>= 7
    return written + chr(left)
