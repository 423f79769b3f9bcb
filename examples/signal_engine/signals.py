"""Three well-known signals: how strong each is, in words, and what takes it back. All pure.

A strength is None while the signal is silent.
"""

from math import sqrt
from typing import Final

from examples.signal_engine.features import YEAR, Features

DEAD_TAPE: Final = 0.002
"""Below this daily volatility the price hardly trades, and every rule is silent."""
DIP: Final = 1.5
"""Standard deviations below the 20-day mean from which on a fall is a pullback."""
CALM: Final = 0.012
"""Below this daily volatility, over 60 days, a stock is calm."""


def _usd(price: float) -> str:
    return f"{price:.2f}" if price >= 10 else f"{price:.3f}"  # noqa: PLR2004 - adjusted closes have 3 decimals


def breakout(seen: Features) -> float | None:
    """Measure yesterday's close above the highest of the 55 before, in daily volatilities."""
    if seen.close <= seen.high_55:
        return None
    return (seen.close / seen.high_55 - 1) / seen.volatility_20


def why_breakout(seen: Features) -> str:
    """Explain a breakout with its numbers."""
    above = 100 * (seen.close / seen.high_55 - 1)
    return (
        f"Breakout: closed at {_usd(seen.close)}, {above:.1f}% above the highest "
        f"of the 55 closes before ({_usd(seen.high_55)})."
    )


def breakout_failed(seen: Features) -> str | None:
    """Say that the close fell below the lowest of the 20 before, else None."""
    if seen.close >= seen.low_20:
        return None
    return (
        f"Trend broken: closed at {_usd(seen.close)}, "
        f"below the lowest of the 20 closes before ({_usd(seen.low_20)})."
    )


def pullback(seen: Features) -> float | None:
    """Measure how far a close in an uptrend is below its 20-day mean, in standard deviations."""
    # After a tape that stood still a single tick would be many deviations.
    if seen.close < seen.mean_200 or seen.deviation_20 < DEAD_TAPE * seen.mean_20:
        return None
    below = seen.mean_20 - seen.close
    return below / seen.deviation_20 if below >= DIP * seen.deviation_20 else None


def why_pullback(seen: Features) -> str:
    """Explain a pullback with its numbers."""
    below = (seen.mean_20 - seen.close) / seen.deviation_20
    return (
        f"Pullback: closed at {_usd(seen.close)}, {below:.1f} deviations below its 20-day mean "
        f"of {_usd(seen.mean_20)}, yet above its 200-day mean of {_usd(seen.mean_200)}."
    )


def pullback_over(seen: Features) -> str | None:
    """Say that the close is back at its 20-day mean, else None."""
    if seen.close < seen.mean_20:
        return None
    return (
        f"Pullback over: closed at {_usd(seen.close)}, "
        f"back at or above its 20-day mean of {_usd(seen.mean_20)}."
    )


def steady(seen: Features) -> float | None:
    """Measure a calm stock's rise over the year, in yearly volatilities."""
    if seen.volatility_60 >= CALM or seen.momentum <= 0 or seen.close < seen.mean_200:
        return None
    return seen.momentum / (seen.volatility_60 * sqrt(YEAR))


def why_steady(seen: Features) -> str:
    """Explain a steady rise with its numbers."""
    return (
        f"Steady rise: up {100 * seen.momentum:.0f}% over the year to a month ago "
        f"while moving only {100 * seen.volatility_60:.2f}% a day."
    )


def no_longer_rising(seen: Features) -> str | None:
    """Say that the rise over the year is gone, else None."""
    if seen.momentum > 0:
        return None
    return f"Rise over: {100 * seen.momentum:.1f}% over the year to a month ago."
