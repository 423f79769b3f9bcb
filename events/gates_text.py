"""Gates as the JSON text that tables hold, straight from Avro's bytes.

Whoever only passes gates on has no use for objects: two dozen of them are most of an intent, and
would have to be written as JSON for each table.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, overload

from events.decision import GateResult, Verdict
from events.gates_schema import verdict_symbols
from events.varint import ONE_BYTE_MAX, longer

GatesReader: TypeAlias = Callable[[bytes, int], "tuple[GatesText, int]"]
"""From Avro's bytes and where the array begins in them to its gates, and where it ends."""

MakeGatesReader: TypeAlias = Callable[[Any], GatesReader | None]
"""From an array's schema, as JSON, to what reads it; None where that has another shape."""

_TO_BE_ESCAPED: Final = bytes(range(32)) + b'"\\'
_QUOTES_OF_A_GATE: Final = 20
_OPENING: Final = b'"},{"gate":"'
_OBSERVED: Final = b'","observed":"'
_THRESHOLD: Final = b'","threshold":"'


class GatesText(Sequence[GateResult]):
    """Gates kept as JSON: to whoever looks into it, the tuple of results that it stands for."""

    __slots__ = ("_declined", "_json", "_results")

    def __init__(self, text: str, declined: Sequence[Sequence[bytes]] = ()) -> None:
        """Keep `text`, and the gates that declined: gate, reason, observed and threshold each."""
        self._json = text
        self._declined = declined
        self._results: tuple[GateResult, ...] | None = None

    def json(self) -> str:
        """Return every gate's answer, in the gates' order: an array of objects."""
        return self._json

    def declined(self) -> list[GateResult]:
        """Return the gates that declined, without a look at the others."""
        return [
            GateResult(
                gate=gate.decode(),
                verdict=Verdict.DECLINED,
                reason=reason.decode(),
                observed=observed.decode(),
                threshold=threshold.decode(),
            )
            for gate, reason, observed, threshold in self._declined
        ]

    @overload
    def __getitem__(self, index: int) -> GateResult: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[GateResult, ...]: ...
    def __getitem__(self, index: int | slice) -> GateResult | tuple[GateResult, ...]:
        """Return a gate's answer, or several."""
        return self._told()[index]

    def __iter__(self) -> Iterator[GateResult]:
        """Go through the gates in their order."""
        return iter(self._told())

    def __len__(self) -> int:
        """Return how many gates were asked."""
        return len(self._told())

    def __eq__(self, other: object) -> bool:
        """Say whether these are the same answers."""
        if isinstance(other, GatesText):
            return self._json == other._json or self._told() == other._told()
        return self._told() == other

    def __hash__(self) -> int:
        """Return what the tuple of these answers returns."""
        return hash(self._told())

    def __repr__(self) -> str:
        """Show the tuple of these answers."""
        return repr(self._told())

    def _told(self) -> tuple[GateResult, ...]:
        if self._results is None:
            self._results = tuple(
                GateResult(**{**one, "verdict": Verdict(one["verdict"])})
                for one in json.loads(self._json)
            )
        return self._results


def gates_reader(schema: Any) -> GatesReader | None:  # noqa: ANN401 -- JSON
    """Return a function that reads gates written by `schema`, None where that has another shape.

    The function raises ValueError, IndexError or KeyError for whatever is damaged or out of the
    ordinary (text to be escaped, blocks that name their size): read that by the schema itself.
    """
    symbols = verdict_symbols(schema)
    if symbols is None:
        return None
    known = {one.value for one in Verdict}
    told = [one if one in known else Verdict.UNKNOWN.value for one in symbols]
    return _reader(
        {2 * at: f'","verdict":"{one}","reason":"'.encode() for at, one in enumerate(told)}
    )


def _reader(verdicts: Mapping[int, bytes]) -> GatesReader:  # noqa: C901, PLR0915 -- see below
    refusal = next((text for text in verdicts.values() if b'"DECLINED"' in text), None)
    most = ONE_BYTE_MAX

    # One loop without calls: it runs for every gate of every decision. A length is twice itself in
    # Avro's zigzag, in one byte below 64; an odd one is negative.
    def read(data: bytes, at: int) -> tuple[GatesText, int]:  # noqa: C901, PLR0915 -- see above
        pieces: list[bytes] = []
        declined: list[tuple[bytes, bytes, bytes, bytes]] = []
        add = pieces.extend
        odd = count = 0
        while True:
            size = data[at]
            at += 1
            if size > most:
                size, at = longer(data, at, size)
            if not size:
                break
            odd |= size
            count += size >> 1
            for _ in range(size >> 1):
                size = data[at]
                at += 1
                if size > most:
                    size, at = longer(data, at, size)
                odd |= size
                end = at + (size >> 1)
                gate = data[at:end]
                verdict = verdicts[data[end]]
                size = data[end + 1]
                at = end + 2
                if size > most:
                    size, at = longer(data, at, size)
                odd |= size
                end = at + (size >> 1)
                reason = data[at:end]
                size = data[end]
                at = end + 1
                if size > most:
                    size, at = longer(data, at, size)
                odd |= size
                end = at + (size >> 1)
                observed = data[at:end]
                size = data[end]
                at = end + 1
                if size > most:
                    size, at = longer(data, at, size)
                odd |= size
                end = at + (size >> 1)
                threshold = data[at:end]
                at = end
                add((_OPENING, gate, verdict, reason, _OBSERVED, observed, _THRESHOLD, threshold))
                if verdict is refusal:
                    declined.append((gate, reason, observed, threshold))
        text = b"".join(pieces)
        if odd & 1:
            raise ValueError("a length is negative")
        # The text opens with what closes the gate before the first: as many quotes too many as
        # are missing behind the last, hence the same number.
        if len(text) - len(text.translate(None, _TO_BE_ESCAPED)) != count * _QUOTES_OF_A_GATE:
            raise ValueError("a text has to be escaped")
        return GatesText(f'[{text[3:].decode()}"}}]' if text else "[]", declined), at

    return read
