"""Avro's numbers, where they take more than one byte."""

from typing import Final

ONE_BYTE_MAX: Final = 127
_BITS: Final = 64


def longer(data: bytes, at: int, value: int) -> tuple[int, int]:
    """Return the number that begins with the byte `value` and goes on at `at`, and where it ends.

    It is what is written: a signed number's zigzag is still to be undone.

    Raises:
        ValueError: It has more than 64 bits.
        IndexError: It does not end.
    """
    value &= ONE_BYTE_MAX
    for shift in range(7, _BITS, 7):
        byte = data[at]
        at += 1
        value |= (byte & ONE_BYTE_MAX) << shift
        if byte <= ONE_BYTE_MAX and not value >> _BITS:
            return value, at
    raise ValueError(f"a number has more than {_BITS} bits")
