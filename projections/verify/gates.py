"""Gates as PostgreSQL shows them in a JSON column, straight from the log's bytes.

Gates are most of what a decision says. Made into objects and then into JSON they would take most of
the time; what fills the tables reads them by a function of its own, which this one is to find out.
"""

from collections.abc import Mapping
from typing import Any, Final

from events.decision import Verdict
from events.gates_schema import verdict_symbols
from events.gates_text import GatesReader, GatesText

_TO_BE_ESCAPED: Final = bytes(range(32)) + b'"\\'
_QUOTES_OF_A_GATE: Final = 20
_SHORT: Final = 127
_LENGTH_BITS_MAX: Final = 63


def gates_as_shown(schema: Any) -> GatesReader | None:  # noqa: ANN401 -- JSON
    """Return a function that reads gates written by `schema`, None where that has another shape.

    The shortest keys stand first, as in a column. Errors are those of `gates_text.gates_reader`.
    """
    symbols = verdict_symbols(schema)
    if symbols is None:
        return None
    ours = set(Verdict)
    verdicts = [Verdict(one) if one in ours else Verdict.UNKNOWN for one in symbols]
    return _reader({2 * at: one for at, one in enumerate(verdicts)})


def _reader(verdicts: Mapping[int, Verdict]) -> GatesReader:  # noqa: C901 -- see below
    middles = {
        one: f'", "verdict": "{said.value}", "observed": "'.encode()
        for one, said in verdicts.items()
    }
    declined = {one for one, said in verdicts.items() if said is Verdict.DECLINED}

    # A text is its length, doubled, and its bytes; from `data[a:b]` to `data[g:at]` they are those
    # of one gate. No function is called for it: this runs two dozen times for every decision.
    def read(data: bytes, at: int) -> tuple[GatesText, int]:
        pieces = list[bytes]()
        refusals = list[tuple[bytes, bytes, bytes, bytes]]()
        signs = count = 0
        while (size := data[at]) != 0:
            size, at = (size, at + 1) if size <= _SHORT else _long(data, at)
            signs |= size
            count += size >> 1
            for _ in range(size >> 1):
                size, a = data[at], at + 1
                if size > _SHORT:
                    size, a = _long(data, at)
                b = a + (size >> 1)
                signs |= size
                verdict, size, c = data[b], data[b + 1], b + 2
                if size > _SHORT:
                    size, c = _long(data, b + 1)
                d = c + (size >> 1)
                signs |= size
                size, e = data[d], d + 1
                if size > _SHORT:
                    size, e = _long(data, d)
                f = e + (size >> 1)
                signs |= size
                size, g = data[f], f + 1
                if size > _SHORT:
                    size, g = _long(data, f)
                at = g + (size >> 1)
                signs |= size
                pieces += (
                    b'"}, {"gate": "',
                    data[a:b],
                    b'", "reason": "',
                    data[c:d],
                    middles[verdict],
                    data[e:f],
                    b'", "threshold": "',
                    data[g:at],
                )
                if verdict in declined:
                    refusals.append((data[a:b], data[c:d], data[e:f], data[g:at]))
        shown = b"".join(pieces)
        if signs & 1:
            raise ValueError("a length is negative")
        # As many quotes stand before the first gate's own as are missing behind the last.
        if len(shown) - len(shown.translate(None, _TO_BE_ESCAPED)) != count * _QUOTES_OF_A_GATE:
            raise ValueError("a text has to be escaped")
        return GatesText(f'[{shown[4:].decode()}"}}]' if shown else "[]", refusals), at + 1

    return read


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Return the number of several bytes that begins at `at`, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & _SHORT) << shift
        if byte <= _SHORT:
            return value, at
        shift += 7
        if shift > _LENGTH_BITS_MAX:
            raise ValueError("a length goes on for too long")
