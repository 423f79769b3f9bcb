"""What the rules look at: statistics of the closes *before* a day, never of the day itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import sqrt
from typing import Final

MONTH: Final = 21
YEAR: Final = 252
WARM_UP: Final = YEAR + 1
"""Trading days that must have passed before there are features."""


@dataclass(frozen=True, slots=True)
class Features:
    """One ticker on one morning, from the closes of the trading days before.

    `close`, `high_55`, `low_20`, `mean_20`, `deviation_20` and `mean_200` are US dollars per share;
    `momentum` (the year's return without its last month), `volatility_20` and `volatility_60`
    (standard deviations of daily returns) are plain ratios. Floats: statistics, never money.
    """

    close: float
    """Yesterday's close."""
    high_55: float
    """The highest of the 55 closes before yesterday's."""
    low_20: float
    """The lowest of the 20 closes before yesterday's."""
    mean_20: float
    deviation_20: float
    mean_200: float
    momentum: float
    volatility_20: float
    volatility_60: float


def mornings(closes: Sequence[float]) -> Iterator[Features]:
    """Yield the features of each trading day from index `WARM_UP` on.

    `closes` are one ticker's daily closes in US dollars, oldest first. The features of day i are
    computed from `closes[:i]`; the last close is in nobody's past, so it counts nowhere.
    """
    returns = [0.0, *(later / earlier - 1 for earlier, later in pairwise(closes))]
    days = range(WARM_UP, len(closes))
    columns = (
        [closes[i - 1] for i in days],
        [max(closes[i - 56 : i - 1]) for i in days],
        [min(closes[i - 21 : i - 1]) for i in days],
        _means(closes, 20),
        _deviations(closes, 20),
        _means(closes, 200),
        [closes[i - 1 - MONTH] / closes[i - 1 - YEAR] - 1 for i in days],
        _deviations(returns, 20),
        _deviations(returns, 60),
    )
    return map(Features, *columns)


def basket_volatility(tapes: Sequence[Sequence[float]]) -> list[float]:
    """Return, for each trading day from index `WARM_UP` on, how wildly all tickers moved together.

    It is the standard deviation over the month before of the mean of all daily returns, for a
    year, in points: the volatility that was, where a volatility index is one that is expected.
    """
    moves = [
        sum(later / earlier - 1 for earlier, later in zip(before, today, strict=True)) / len(today)
        for before, today in pairwise(zip(*tapes, strict=True))
    ]
    yearly = 100 * sqrt(YEAR)
    return [yearly * daily for daily in _deviations([0.0, *moves], MONTH)]


def _means(values: Sequence[float], window: int) -> list[float]:
    """Mean of the `window` values before each day: differences of one running sum."""
    sums = list(accumulate(values, initial=0.0))
    ends, starts = sums[WARM_UP : len(values)], sums[WARM_UP - window :]
    return [(end - start) / window for start, end in zip(starts, ends, strict=False)]


def _deviations(values: Sequence[float], window: int) -> list[float]:
    squares = _means([value * value for value in values], window)
    means = _means(values, window)
    # Rounding can leave a tape that did not move a hair below zero.
    return [
        sqrt(max(0.0, square - mean * mean)) for square, mean in zip(squares, means, strict=True)
    ]
