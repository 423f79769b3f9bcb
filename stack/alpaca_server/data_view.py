"""Quotes, trades and snapshots as the JSON of Alpaca's market data API."""

from decimal import Decimal
from typing import Any

from stack.alpaca_server.market import Quote
from stack.alpaca_server.values import SECOND, stamp

_DAY_NS = 24 * 3600 * SECOND


def quote_view(quote: Quote, *, option: bool) -> dict[str, Any]:
    """Return the latest quote's JSON."""
    view: dict[str, Any] = {
        "t": stamp(quote.at),
        "bx": "C" if option else "V",
        "bp": quote.bid,
        "bs": int(quote.bid_size),
        "ax": "C" if option else "V",
        "ap": quote.ask,
        "as": int(quote.ask_size),
        "c": "A" if option else ["R"],
    }
    return view if option else {**view, "z": "C"}


def trade_view(quote: Quote, *, option: bool) -> dict[str, Any]:
    """Return the latest trade's JSON."""
    view: dict[str, Any] = {
        "t": stamp(quote.at),
        "x": "C" if option else "V",
        "p": quote.last,
        "s": 100,
        "c": "a" if option else ["@"],
    }
    return view if option else {**view, "i": quote.number, "z": "C"}


def snapshot_view(quote: Quote, *, option: bool) -> dict[str, Any]:
    """Return a snapshot's JSON: greeks and volatility only where the quote was given them."""
    view: dict[str, Any] = {
        "latestQuote": quote_view(quote, option=option),
        "latestTrade": trade_view(quote, option=option),
        "minuteBar": _bar(quote.at, quote.last, quote.volume),
        "dailyBar": _bar(quote.at, quote.last, quote.volume),
        "prevDailyBar": _bar(quote.at - _DAY_NS, quote.previous_close, quote.volume),
    }
    if quote.greeks:
        view["greeks"] = dict(quote.greeks)
    if quote.implied_volatility is not None:
        view["impliedVolatility"] = quote.implied_volatility
    return view


def _bar(at: int, price: Decimal, volume: int) -> dict[str, Any]:
    prices = dict.fromkeys(("o", "h", "l", "c", "vw"), price)
    return {"t": stamp(at), **prices, "v": volume, "n": max(1, volume // 100)}
