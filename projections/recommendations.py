"""`dispatch_recommendations`: the Signal Engine's advice, as it was given."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from events.envelope import Origin
from events.recommendation import OptionQuote, RecommendationIssued
from events.sanity import nonsense
from events.topics import RECOMMENDATIONS as TOPIC
from events.values import Money, Quantity
from projections.finished_advice import AdviceFinisher
from projections.projection import Projection, Readable
from projections.stage import Json, Row, Stage, keep_first
from projections.texts import json_or_text, json_text


class RecommendationRow(NamedTuple):
    """One recommendation. What became of it is another table: it differs by account."""

    id: int
    ts: datetime
    created_at: datetime
    run_id: UUID
    ticker: str
    action: str
    instrument_type: str
    strategy_type: str
    confidence: Quantity
    reason: Json | None
    bar_at: datetime | None
    features_at: datetime | None
    reference_price: Money
    bid: Money | None
    ask: Money | None
    recent_volatility: Quantity | None
    vix: Quantity | None
    stop_loss_price: Money | None
    take_profit_price: Money | None
    max_hold_minutes: int | None
    option_symbol: str | None
    strike_price: Money | None
    expiration_date: date | None
    option_json: Json | None
    features_snapshot: Json | None
    sentiment_snapshot: Json | None
    log_offset: int


def rows(event: Readable, origin: Origin) -> Iterable[Row]:
    """Return the row of a recommendation; nonsense has none, it is refused at the door."""
    if not isinstance(event, RecommendationIssued) or nonsense(event) is not None:
        return
    option = event.option
    yield RecommendationRow(
        id=event.recommendation_id,
        ts=event.issued_at,
        created_at=event.issued_at,
        run_id=event.run_id,
        ticker=event.ticker,
        action=event.action,
        instrument_type=event.instrument_type,
        strategy_type=event.strategy_type,
        confidence=event.confidence,
        reason=json_or_text(event.reason),
        bar_at=event.bar_at,
        features_at=event.features_at,
        reference_price=event.reference_price,
        bid=event.bid,
        ask=event.ask,
        recent_volatility=event.recent_volatility,
        vix=event.vix,
        stop_loss_price=event.stop,
        take_profit_price=event.target,
        max_hold_minutes=event.max_hold_minutes,
        option_symbol=option.symbol if option else None,
        strike_price=option.strike if option else None,
        expiration_date=option.expiry if option else None,
        option_json=_option(option) if option else None,
        features_snapshot=json_or_text(event.features_snapshot),
        sentiment_snapshot=json_or_text(event.sentiment_snapshot),
        log_offset=origin.offset,
    )


def _option(option: OptionQuote) -> Json:
    return json_text(
        {
            "symbol": option.symbol,
            "strike": option.strike,
            "expiry": option.expiry.isoformat(),
            "bid": option.bid,
            "ask": option.ask,
            "volume": option.volume,
            "open_interest": option.open_interest,
            "delta": option.delta,
            "iv": option.iv,
        }
    )


RECOMMENDATIONS: Final = Projection(
    name="recommendations",
    topics=frozenset({TOPIC.name}),
    events=frozenset({RecommendationIssued}),
    tables=("dispatch_recommendations",),
    stages=(
        Stage(
            name="stage_recommendations",
            row=RecommendationRow,
            merges=(
                keep_first(
                    "dispatch_recommendations",
                    "stage_recommendations",
                    RecommendationRow,
                    key=("id",),
                    order="log_offset",
                ),
            ),
        ),
    ),
    rows=rows,
    finisher=AdviceFinisher,
    live_finisher=AdviceFinisher,
)
"""The advice as it was issued: the first record of an id stays."""
