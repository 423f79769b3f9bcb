"""Numbers as a reader would write them, cheap enough for every gate of every decision."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

_CENT: Final = Decimal("0.01")
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def plain(value: Decimal) -> str:
    """Return `value` without exponent and without trailing zeros: ``100.50000000`` is ``100.5``."""
    text = str(value)
    if "E" in text:
        text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def dollars(value: Decimal) -> str:
    """Return `value` (US dollars) to the cent: ``$1234.50``."""
    text = str(value.quantize(_CENT, None, _WIDE))  # a keyword doubles the time
    return f"-${text[1:]}" if text[0] == "-" else f"${text}"
