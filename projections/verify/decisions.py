"""What a decision said, as JSON columns show it."""

from functools import partial
from typing import Any

from events.decision import GateResult, Verdict
from events.gates_text import GatesText
from events.order import OrderIntended
from projections.verify.json_values import Json, digits, parsed, storable


def gates(asked: tuple[GateResult, ...]) -> Json:
    """Return every gate's answer."""
    shown = asked.json() if isinstance(asked, GatesText) else None
    return Json(partial(_answers, asked), shown)


def refusals(asked: tuple[GateResult, ...]) -> list[GateResult]:
    """Return the answers of the gates that declined."""
    if isinstance(asked, GatesText):
        return asked.declined()
    return [one for one in asked if one.verdict is Verdict.DECLINED]


def explanation(event: OrderIntended) -> dict[str, Any]:
    """Return why and on what an order was intended."""
    seen, market = event.seen, event.market
    return {
        "reason": parsed(event.reason),
        "sizing": parsed(event.sizing),
        "exits": parsed(event.exits),
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


def _answers(asked: tuple[GateResult, ...]) -> list[dict[str, Any]]:
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
