"""How one piece of advice is written: the keys and texts of a line of JSON."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from examples.signal_engine.book import Advice
from examples.signal_engine.features import Features

NEW_YORK: Final = ZoneInfo("America/New_York")
PUBLISHED_AT: Final = time(13, 30)
"""New York time of day at which a day's advice is published."""
RUNS: Final = UUID("6f0f7c6e-7a37-5d0b-9a3c-51a0b1f0c9d4")
"""The namespace of run ids; it must never change."""
_BAR_AGE: Final = timedelta(minutes=1)
_FEATURES_AGE: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Market:
    """How wild the whole market is: `vix` in points, and what it was taken from."""

    vix: Decimal
    vix_source: str


@dataclass(frozen=True, slots=True)
class Tape:
    """One ticker on one day: `column` is its place among all tickers, from 1.

    `price` is US dollars per share.
    """

    day: date
    column: int
    ticker: str
    price: Decimal
    market: Market
    seen: Features


@dataclass(frozen=True, slots=True)
class Call:
    """What is published: the `advice` to BUY itself, or the SELL that ends it.

    `confidence` is a ratio, `reason` a sentence.
    """

    tape: Tape
    action: Literal["BUY", "SELL"]
    advice: Advice
    confidence: float
    reason: str


def record(call: Call) -> dict[str, object]:
    """Write `call` as the keys of `RecommendationIssued`: decimals and times as text."""
    tape, rule = call.tape, call.advice.rule
    buys = call.action == "BUY"  # where to get out is said on the way in
    run_id, issued_at, bar_at, features_at = _moments(tape.day)
    return {
        "recommendation_id": _number(tape.day) * 1000 + tape.column,
        "run_id": run_id,
        "ticker": tape.ticker,
        "action": call.action,
        "instrument_type": "STOCK",
        "strategy_type": rule.strategy_type,
        "confidence": f"{call.confidence:.4f}",
        "issued_at": issued_at,
        "bar_at": bar_at,
        "features_at": features_at,
        "reference_price": _text(tape.price),
        "bid": None,
        "ask": None,
        "recent_volatility": f"{tape.seen.volatility_20:.6f}",
        "vix": _text(tape.market.vix),
        "stop": _text(call.advice.stop if buys else None),
        "target": _text(call.advice.target if buys else None),
        "max_hold_minutes": rule.hold_days * 24 * 60 if buys else None,
        "option": None,
        "reason": call.reason,
        "features_snapshot": _canonical(rule.name, tape),
        "sentiment_snapshot": None,
    }


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


@lru_cache(maxsize=8)  # a day's advice shares its moments
def _moments(day: date) -> tuple[str, str, str, str]:
    issued_at = datetime.combine(day, PUBLISHED_AT, NEW_YORK).astimezone(UTC)
    return (
        str(uuid5(RUNS, day.isoformat())),
        _utc(issued_at),
        _utc(issued_at - _BAR_AGE),
        _utc(issued_at - _FEATURES_AGE),
    )


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _canonical(rule: str, tape: Tape) -> str:
    texts = {name: f"{value:.6f}" for name, value in asdict(tape.seen).items()}
    texts |= {"rule": rule, "vix_source": tape.market.vix_source}
    return json.dumps(texts, sort_keys=True, separators=(",", ":"))
