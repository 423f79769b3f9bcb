"""The daily closes and the VIX that ship beside this module, as immutable values."""

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

CLOSES_FILE: Final = "sp500_20_daily_close_1990_2022.csv.gz"
VIX_FILE: Final = "vix_daily_2014_2019.csv.gz"
_NO_QUOTE: Final = "."  # how the VIX file marks a holiday


@dataclass(frozen=True, slots=True)
class History:
    """Every close of every ticker, oldest first.

    `days` are the exchange's trading days; `closes[k][i]` is the adjusted close in US dollars of
    `tickers[k]` on `days[i]`; `vix` is the index's close, in points, by trading day, where known.
    """

    days: tuple[date, ...]
    tickers: tuple[str, ...]
    closes: tuple[tuple[Decimal, ...], ...]
    vix: Mapping[date, Decimal]


@cache
def load() -> History:
    """Read the shipped files (`data/README.md` says where they come from), once per process."""
    header, *rows = _rows(CLOSES_FILE)
    columns = list(zip(*rows, strict=True))
    return History(
        days=tuple(date.fromisoformat(day) for day in columns[0]),
        tickers=tuple(header[1:]),
        closes=tuple(tuple(map(Decimal, column)) for column in columns[1:]),
        vix=_vix(),
    )


def _vix() -> Mapping[date, Decimal]:
    _, *rows = _rows(VIX_FILE)
    return MappingProxyType(
        {_american(day): Decimal(close) for day, close in rows if close != _NO_QUOTE}
    )


def _american(day: str) -> date:
    # The file holds bare dates such as 1/3/2014; no time zone can be meant.
    return datetime.strptime(day, "%m/%d/%Y").date()  # noqa: DTZ007 - a date, not a moment


def _rows(name: str) -> list[list[str]]:
    packed = files(__package__).joinpath("data", name).read_bytes()
    return list(csv.reader(gzip.decompress(packed).decode("ascii").splitlines()))
