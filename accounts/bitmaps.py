"""A set of decision numbers as text: a few bits for each recommendation, whatever their count."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from immutables import Map

from accounts.idset import CHUNK_BITS, IdSet

Run: TypeAlias = list[Any]
"""The first chunk's number, then a bitmap in base64 for each leg ("": nothing of that leg)."""

RUN_CHUNKS_MAX: Final = 64
"""No step over a run takes long, so that other threads go on while a set is written."""

_LEGS: Final = 4
_CHUNK: Final = 1 << CHUNK_BITS
_DIGITS: Final = "0123456789abcdef"
_LEG_OF_DIGIT: Final = [
    str.maketrans({digit: str(int(digit, 16) >> leg & 1) for digit in _DIGITS})
    for leg in range(_LEGS)
]
_DIGIT_OF_LEG: Final = [str.maketrans({"1": f"{1 << leg:x}"}) for leg in range(_LEGS)]


def packed(ids: IdSet) -> list[Run]:
    """Return the set as runs of up to 64 neighbouring chunks, ascending: 1M take 170 kB."""
    return [_packed(first, masks) for first, masks in _runs(ids)]


def unpacked(runs: object) -> IdSet:
    """Return the set that `packed` made `runs` of.

    Raises:
        ValueError: They are not such runs. Only packing anew tells whether they were exactly so.
    """
    if not isinstance(runs, list):
        raise ValueError("is no list of bitmaps")  # noqa: TRY004 -- one kind of error for a reader
    chunks = {number: mask for run in runs for number, mask in _unpacked(run) if mask}
    return IdSet(Map(chunks), sum(mask.bit_count() for mask in chunks.values()))


def _runs(ids: IdSet) -> Iterator[tuple[int, list[int]]]:
    first, masks = 0, list[int]()
    for number in sorted(ids.chunks):
        if masks and (number != first + len(masks) or len(masks) == RUN_CHUNKS_MAX):
            yield first, masks
            masks = []
        first = first if masks else number
        masks.append(ids.chunks[number])
    if masks:
        yield first, masks


def _packed(first: int, masks: list[int]) -> Run:
    whole = int.from_bytes(
        b"".join([mask.to_bytes(_CHUNK // 8, "little") for mask in masks]), "little"
    )
    digits = f"{whole:0{len(masks) * _CHUNK // 4}x}"  # one for each recommendation
    return [first, *(_of_leg(digits, leg) for leg in range(_LEGS))]


def _of_leg(digits: str, leg: int) -> str:
    bits = int(digits.translate(_LEG_OF_DIGIT[leg]), 2)
    return b64encode(bits.to_bytes(len(digits) // 8, "little")).decode() if bits else ""


def _unpacked(run: object) -> Iterator[tuple[int, int]]:
    if not isinstance(run, list) or len(run) != 1 + _LEGS:
        raise ValueError("is no run of bitmaps")
    first, *texts = run
    if type(first) is not int or not all(isinstance(text, str) for text in texts):
        raise ValueError("is no run of bitmaps")
    maps = [b64decode(text, validate=True) for text in texts]
    size = max(len(bits) for bits in maps)
    whole = 0
    for leg, bits in enumerate(maps):
        digits = f"{int.from_bytes(bits, 'little'):0{size * 8}b}"
        whole |= int(digits.translate(_DIGIT_OF_LEG[leg]) or "0", 16)
    data = whole.to_bytes(-(-size * _LEGS // (_CHUNK // 8)) * (_CHUNK // 8), "little")
    for place in range(0, len(data), _CHUNK // 8):
        mask = int.from_bytes(data[place : place + _CHUNK // 8], "little")
        yield first + place // (_CHUNK // 8), mask
