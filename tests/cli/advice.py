"""Lines of recommendations, as a Signal Engine writes them."""

import json
from typing import Any

PLAIN: dict[str, Any] = {
    "run_id": "8626a572-9088-5fb7-8222-80c6c6f28b49",
    "ticker": "MSFT",
    "action": "BUY",
    "instrument_type": "STOCK",
    "strategy_type": "swing_trade",
    "confidence": "0.8",
    "issued_at": "2022-03-16T15:00:00Z",
    "vix": "20",
    "bar_at": "2022-03-16T14:59:00Z",
    "features_at": "2022-03-16T14:58:00Z",
    "reference_price": "100.25",
    "recent_volatility": "0.02",
    "stop": "95",
    "reason": "momentum",
}

BOUGHT, DOUBTED = 11, 12
"""What `traded` has seen: one recommendation that was followed, one that was declined."""


def line(recommendation_id: int = 1, **changes: object) -> str:
    """One line of advice; a change to `...` leaves the key out."""
    values = {"recommendation_id": recommendation_id, **PLAIN, **changes}
    return json.dumps({key: value for key, value in values.items() if value is not ...})


def lines(*given: str) -> str:
    """A file of lines."""
    return "".join(one + "\n" for one in given)
