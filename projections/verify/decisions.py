"""What a decision said, as JSON columns show it."""

from typing import Any

from events.decision import GateResult
from events.order import OrderIntended
from projections.verify.json_values import digits, storable, stored


def gates(asked: tuple[GateResult, ...]) -> list[dict[str, Any]]:
    """Return every gate's answer."""
    return [
        {
            "gate": storable(gate.gate),
            "verdict": gate.verdict.value,
            "reason": storable(gate.reason),
            "observed": storable(gate.observed),
            "threshold": storable(gate.threshold),
        }
        for gate in asked
    ]


def explanation(event: OrderIntended) -> dict[str, Any]:
    """Return why and on what an order was intended."""
    seen, market = event.seen, event.market
    return {
        "reason": stored(event.reason),
        "sizing": stored(event.sizing),
        "exits": stored(event.exits),
        "market": {
            "source": market.source,
            "observed_at": market.observed_at.isoformat(),
            "reference_price": digits(market.reference_price),
            "bid": digits(market.bid),
            "ask": digits(market.ask),
        },
        "confidence": digits(event.confidence),
        "issued_at": event.issued_at.isoformat(),
        "recommendation_run_id": str(event.recommendation_run_id),
        "seen": {
            "log": seen.log,
            "recommendations": seen.recommendations,
            "commands": seen.commands,
        },
        "config_hash": event.envelope.config_hash,
        "build": event.envelope.build,
    }
