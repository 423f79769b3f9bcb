"""`RecommendationIssued`: the Signal Engine's advice, seen by every account."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from events.values import Money, Quantity


class Action(StrEnum):
    """What the Signal Engine advises."""

    UNKNOWN = "UNKNOWN"
    BUY = "BUY"
    SELL = "SELL"


class InstrumentType(StrEnum):
    """What is bought or sold."""

    UNKNOWN = "UNKNOWN"
    STOCK = "STOCK"
    CALL = "CALL"
    PUT = "PUT"


class StrategyType(StrEnum):
    """How long the Signal Engine means to hold."""

    UNKNOWN = "UNKNOWN"
    DAY_TRADE = "day_trade"
    SWING_TRADE = "swing_trade"
    CONSERVATIVE = "conservative"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionQuote:
    """One option contract by its OCC symbol, with the market the Signal Engine saw.

    Prices are US dollars per share (a contract is 100), greeks and `iv` are plain ratios.
    """

    symbol: str
    strike: Money
    expiry: date
    bid: Money | None = None
    ask: Money | None = None
    volume: int | None = None
    open_interest: int | None = None
    delta: Quantity | None = None
    iv: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationIssued:
    """Advice to trade. It names no account: every account sees all.

    Prices are US dollars per share; `recent_volatility` is the standard deviation of daily
    returns; the snapshots are canonical JSON text.
    """

    recommendation_id: int
    run_id: UUID
    ticker: str
    action: Action
    instrument_type: InstrumentType
    strategy_type: StrategyType
    confidence: Quantity
    issued_at: datetime
    bar_at: datetime | None = None
    features_at: datetime | None = None
    reference_price: Money
    bid: Money | None = None
    ask: Money | None = None
    recent_volatility: Quantity | None = None
    vix: Quantity | None = None
    stop: Money | None = None
    target: Money | None = None
    max_hold_minutes: int | None = None
    option: OptionQuote | None = None
    reason: str = ""
    features_snapshot: str | None = None
    sentiment_snapshot: str | None = None
