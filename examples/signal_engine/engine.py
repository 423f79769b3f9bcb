"""Day by day: look at the closes before, end what has to end, advise what speaks for itself."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from examples.signal_engine.book import Book, advise
from examples.signal_engine.features import WARM_UP, Features, basket_volatility, mornings
from examples.signal_engine.prices import History, load
from examples.signal_engine.record import Call, Market, Tape, record
from examples.signal_engine.rules import strongest

EXIT_CONFIDENCE: Final = 0.9
"""An exit follows a rule set beforehand; it is no forecast whose strength could vary."""


def recommendations(start: date, end: date) -> Iterator[dict[str, object]]:
    """Yield the recommendations issued from `start` to `end` (both included), oldest first.

    Each is one line of the engine's output: prices in US dollars and ratios as decimal text, times
    as ISO 8601 in UTC. Within a day the exits come first, so that they make room, then the
    purchases, the most confident first. Source: the closes shipped in `data/`.
    """
    return issue(load(), start, end)


def issue(history: History, start: date, end: date) -> Iterator[dict[str, object]]:
    """Yield what the engine advises over `history` from `start` to `end`, both included.

    The book is kept from the first day of `history` on, whatever `start` is; a SELL is only
    yielded if the advice it ends was issued on `start` or later.
    """
    book = Book()
    known = bisect_right(history.days, end)
    tapes = [[float(close) for close in closes[:known]] for closes in history.closes]
    moved = basket_volatility(tapes)
    for index, morning in enumerate(zip(*map(mornings, tapes), strict=True), WARM_UP):
        market = _market(history, index, moved[index - WARM_UP])
        calls = [
            call
            for call in _calls(history, index, morning, market, book)
            if call.advice.issued_on >= start
        ]
        # sort() is stable: equal confidence leaves the tickers in alphabetical order.
        calls.sort(key=lambda call: (call.action == "BUY", -call.confidence))
        yield from map(record, calls)


def _market(history: History, index: int, moved: float) -> Market:
    vix = history.vix.get(history.days[index - 1])
    if vix is None:
        return Market(Decimal(f"{moved:.2f}"), "volatility of the 20 stocks over 21 days")
    return Market(vix, "index")


def _calls(
    history: History, index: int, morning: tuple[Features, ...], market: Market, book: Book
) -> Iterator[Call]:
    today, yesterday = history.days[index], history.days[index - 1]
    week_opens = today.isocalendar().week != yesterday.isocalendar().week
    tapes = zip(history.tickers, history.closes, morning, strict=True)
    for column, (ticker, closes, seen) in enumerate(tapes, 1):
        line = book.line(ticker)
        if line is not None:
            reason = line.exit(today, closes[index - 1], seen)
            if reason is not None:
                book.sold(ticker, today)
                tape = Tape(today, column, ticker, closes[index], market, seen)
                yield Call(tape, "SELL", line, EXIT_CONFIDENCE, reason)
                continue
        found = strongest(seen, week_opens=week_opens)
        if found is not None and book.may_buy(ticker, found.rule, today):
            advice = advise(found.rule, today, closes[index], seen.volatility_20)
            book.bought(ticker, advice)
            tape = Tape(today, column, ticker, closes[index], market, seen)
            yield Call(tape, "BUY", advice, found.confidence, found.rule.why(seen))
