"""Numbers as a reader would write them, cheap enough for every gate of every decision."""

from decimal import Decimal


def plain(value: Decimal) -> str:
    """Return `value` without exponent and without trailing zeros: ``100.50000000`` is ``100.5``."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def dollars(value: Decimal) -> str:
    """Return `value` (US dollars) to the cent: ``$1234.50``."""
    return f"${value:.2f}" if value >= 0 else f"-${-value:.2f}"
