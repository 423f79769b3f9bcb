"""`dispatch_recommendations`, as plain as it can be told."""

from functools import partial
from typing import Any, ClassVar

from events.catalog import AnyEvent
from events.envelope import Origin
from events.recommendation import OptionQuote, RecommendationIssued
from events.sanity import nonsense
from projections.dead_letter import DeadLetter
from projections.verify.fold import ExpectedRow, ExpectedTable
from projections.verify.json_values import Json, digits, stored


class AdviceFold:
    """`dispatch_recommendations`: the first record of an id stays."""

    events: ClassVar = frozenset[type]({RecommendationIssued})

    def __init__(self) -> None:
        """Start with no advice."""
        self._rows: ExpectedTable = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up a recommendation that makes sense."""
        if isinstance(event, RecommendationIssued) and nonsense(event) is None:
            self._rows.setdefault((event.recommendation_id,), _advice(event, origin.offset))

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the table's rows."""
        return {"dispatch_recommendations": self._rows}


def _advice(event: RecommendationIssued, offset: int) -> ExpectedRow:
    option = event.option
    return {
        "id": event.recommendation_id,
        "ts": event.issued_at,
        "created_at": event.issued_at,
        "run_id": event.run_id,
        "ticker": event.ticker,
        "action": event.action.value,
        "instrument_type": event.instrument_type.value,
        "strategy_type": event.strategy_type.value,
        "confidence": event.confidence,
        "reason": stored(event.reason),
        "bar_at": event.bar_at,
        "features_at": event.features_at,
        "reference_price": event.reference_price,
        "bid": event.bid,
        "ask": event.ask,
        "recent_volatility": event.recent_volatility,
        "vix": event.vix,
        "stop_loss_price": event.stop,
        "take_profit_price": event.target,
        "max_hold_minutes": event.max_hold_minutes,
        "option_symbol": option and option.symbol,
        "strike_price": option and option.strike,
        "expiration_date": option and option.expiry,
        "option_json": Json(partial(_option, option)) if option else None,
        "features_snapshot": stored(event.features_snapshot),
        "sentiment_snapshot": stored(event.sentiment_snapshot),
        "log_offset": offset,
    }


def _option(option: OptionQuote) -> dict[str, Any]:
    return {
        "symbol": option.symbol,
        "strike": digits(option.strike),
        "expiry": option.expiry.isoformat(),
        "bid": digits(option.bid),
        "ask": digits(option.ask),
        "volume": option.volume,
        "open_interest": option.open_interest,
        "delta": digits(option.delta),
        "iv": digits(option.iv),
    }
