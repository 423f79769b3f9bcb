"""What a recommendation must be to mean anything: asked at the door and again at the log."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from events.identifiers import RECOMMENDATION_ID_MAX
from events.recommendation import (
    Action,
    InstrumentType,
    OptionQuote,
    RecommendationIssued,
    StrategyType,
)

TICKER_PATTERN: Final = re.compile(r"[A-Z][A-Z0-9.]{0,14}")
OCC_PATTERN: Final = re.compile(r"[A-Z][A-Z0-9]{0,5}\d{6}[CP]\d{8}")
_OCC_PARTS: Final = re.compile(r"(.+)(\d{6})([CP])(\d{8})")
_YEARS: Final = range(2000, 2100)
_RIGHTS: Final = {InstrumentType.CALL: "C", InstrumentType.PUT: "P"}
PRICE_MAX: Final = Decimal(10_000_000)
RATIO_MAX: Final = Decimal(1_000_000)
TEXT_LENGTH_MAX: Final = 100_000


def nonsense(recommendation: RecommendationIssued) -> str | None:
    """Return what makes `recommendation` meaningless, in one sentence; None when it has sense."""
    found = list(_faults(recommendation))
    return "; ".join(found) or None


def _faults(r: RecommendationIssued) -> Iterator[str]:
    if not 0 < r.recommendation_id <= RECOMMENDATION_ID_MAX:
        yield f"recommendation_id {r.recommendation_id} is not a positive 64-bit number"
    if not TICKER_PATTERN.fullmatch(r.ticker):
        yield f"ticker {r.ticker[:40]!r} is not 1 to 15 of A-Z, 0-9 and '.', starting with a letter"
    if Action.UNKNOWN is r.action:
        yield "action is neither BUY nor SELL"
    if InstrumentType.UNKNOWN is r.instrument_type:
        yield "instrument_type is none of STOCK, CALL and PUT"
    if StrategyType.UNKNOWN is r.strategy_type:
        yield "strategy_type is none of day_trade, swing_trade and conservative"
    if not 0 <= r.confidence <= 1:
        yield f"confidence {r.confidence} is not between 0 and 1"
    yield from _prices(r)
    yield from _texts(r)
    if r.instrument_type is InstrumentType.STOCK and r.option is not None:
        yield "option is given although instrument_type is STOCK"
    if r.option is not None:
        yield from _option_faults(r.option)
        yield from _names_another(r, r.option)


def _prices(r: RecommendationIssued) -> Iterator[str]:
    for name in ("reference_price", "bid", "ask", "stop", "target"):
        price: Decimal | None = getattr(r, name)
        if price is not None and not 0 < price < PRICE_MAX:
            yield f"{name} {price} is not a price between 0 and {PRICE_MAX} US dollars"
    for name in ("recent_volatility", "vix"):
        ratio: Decimal | None = getattr(r, name)
        if ratio is not None and not 0 <= ratio < RATIO_MAX:
            yield f"{name} {ratio} is not between 0 and {RATIO_MAX}"
    if r.bid is not None and r.ask is not None and r.bid > r.ask:
        yield f"bid {r.bid} is above ask {r.ask}"
    if r.max_hold_minutes is not None and r.max_hold_minutes <= 0:
        yield f"max_hold_minutes {r.max_hold_minutes} is not positive"


def _texts(r: RecommendationIssued) -> Iterator[str]:
    for name in ("reason", "features_snapshot", "sentiment_snapshot"):
        text: str | None = getattr(r, name)
        if text is not None and len(text) > TEXT_LENGTH_MAX:
            yield f"{name} has {len(text)} characters; at most {TEXT_LENGTH_MAX} are kept"
        if text is not None and "\0" in text:
            yield f"{name} contains a NUL character"


def _option_faults(option: OptionQuote) -> Iterator[str]:
    if not OCC_PATTERN.fullmatch(option.symbol):
        yield f"option symbol {option.symbol[:40]!r} is no OCC symbol such as MSFT240119C00400000"
    for name in ("strike", "bid", "ask"):
        price: Decimal | None = getattr(option, name)
        if price is not None and not 0 <= price < PRICE_MAX:
            yield f"option {name} {price} is not a price below {PRICE_MAX} US dollars"
    for name in ("volume", "open_interest"):
        count: int | None = getattr(option, name)
        if count is not None and count < 0:
            yield f"option {name} {count} is negative"


def _names_another(r: RecommendationIssued, option: OptionQuote) -> Iterator[str]:
    """Yield where the symbol, which is what is traded, says otherwise than what gates are asked of.

    The root is the ticker without its dot: an adjusted contract (`MSFT1`) stands for something else
    than 100 shares, so that neither its strike nor its cost would mean what they say here.
    """
    parts = _OCC_PARTS.fullmatch(option.symbol) if OCC_PATTERN.fullmatch(option.symbol) else None
    if parts is None:
        return
    root, expiry, right, strike = parts.groups()
    symbol = f"option symbol {option.symbol}"
    if root != r.ticker.replace(".", ""):
        yield f"{symbol} is not of ticker {r.ticker[:40]}"
    if right != _RIGHTS.get(r.instrument_type, right):
        yield f"{symbol} is no {r.instrument_type}"
    if expiry != f"{option.expiry:%y%m%d}" or option.expiry.year not in _YEARS:
        yield f"{symbol} does not expire on {option.expiry}"
    if Decimal(strike).scaleb(-3) != option.strike:
        yield f"{symbol} has no strike of {option.strike}"
