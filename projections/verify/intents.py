"""What an intent says of its order, as plain as it can be told."""

from datetime import date
from decimal import Decimal
from functools import partial

from events.identifiers import AccountName, Leg, RecommendationId, client_order_id, event_id
from events.order import OrderIntended
from events.recommendation import InstrumentType
from projections.verify.decisions import explanation, gates
from projections.verify.fold import ExpectedRow
from projections.verify.json_values import Json, stored


def intent_row(event: OrderIntended, offset: int) -> ExpectedRow:
    """Return what an intent at `offset` says of its order."""
    about, terms, option = event.envelope, event.terms, event.option
    is_stock = terms.instrument_type is InstrumentType.STOCK
    strike, expiry = (option.strike, option.expiry) if option else _of_symbol(terms.symbol)
    if is_stock and option is None:
        strike, expiry = None, None
    execution = None
    if about.leg is Leg.ENTRY and about.recommendation_id is not None:
        subject = f"recommendation:{about.recommendation_id}"
        execution = event_id(about.account_name, subject, Leg.ENTRY, "execution")
    return {
        "account_name": about.account_name,
        "client_order_id": terms.client_order_id,
        "recommendation_id": about.recommendation_id,
        "leg": leg_text(about.leg),
        "execution_id": execution,
        "ticker": terms.ticker,
        "symbol": terms.symbol,
        "instrument_type": terms.instrument_type.value,
        "multiplier": terms.multiplier,
        "action": f"{terms.side.value}_{terms.instrument_type.value}",
        "side": terms.side.value,
        "closes_position": terms.closes_position,
        "quantity": terms.quantity,
        "order_type": terms.order_type.value,
        "limit_price": terms.limit_price,
        "worst_price": terms.worst_price,
        "reserved_notional": terms.reserved_notional,
        "execution_mode": event.execution_mode.value,
        "strategy_type": event.strategy_type.value,
        "confidence": event.confidence,
        "stop_loss_price": event.stop,
        "take_profit_price": event.target,
        "max_hold_minutes": event.max_hold_minutes,
        "strike_price": strike,
        "expiration_date": expiry,
        "delta": option.delta if option else None,
        "implied_volatility": option.iv if option else None,
        "option_symbol": None if is_stock else terms.symbol,
        "intended_at": about.occurred_at,
        "issued_at": event.issued_at,
        "fresh_until": event.fresh_until,
        "submit_before": event.submit_before,
        "recommendation_run_id": event.recommendation_run_id,
        "dispatcher_run_id": about.dispatcher_run_id,
        "config_hash": about.config_hash,
        "explain_json": Json(partial(explanation, event)),
        "risk_json": gates(event.gates),
        "features_snapshot": stored(event.features_snapshot),
        "log_offset": offset,
    }


def waiting_rows(event: OrderIntended, offset: int) -> list[ExpectedRow]:
    """Return what an intent at `offset` says of the stop and the target that wait for it."""
    about, terms = event.envelope, event.terms
    if terms.stop_loss is None or terms.take_profit is None or about.recommendation_id is None:
        return []
    other = "SELL" if terms.side.value == "BUY" else "BUY"
    shared = {
        "execution_id": None,
        "action": f"{other}_{terms.instrument_type.value}",
        "side": other,
        "closes_position": True,
        "reserved_notional": Decimal(0),
    }
    stop = {"order_type": "STOP", "limit_price": None, "worst_price": terms.stop_loss}
    target = {"order_type": "LIMIT", "worst_price": terms.take_profit}
    target["limit_price"] = terms.take_profit
    return [
        intent_row(event, offset) | shared | own | {"leg": leg.value, "client_order_id": name}
        for leg, own in ((Leg.STOP, stop), (Leg.TARGET, target))
        for name in [
            client_order_id(
                AccountName(about.account_name), RecommendationId(about.recommendation_id), leg
            )
        ]
    ]


def leg_text(leg: Leg | None) -> str | None:
    """Return a leg as a column shows it."""
    return None if leg is None else leg.value


def _of_symbol(symbol: str) -> tuple[Decimal | None, date | None]:
    """Read strike and expiry from an OCC symbol: root, yymmdd, C or P, the strike x 1000."""
    root, tail = symbol[:-15], symbol[-15:]
    day, side, strike = tail[:6], tail[6:7], tail[7:]
    if not (root and day.isdigit() and side in ("C", "P") and strike.isdigit()):
        return None, None
    try:
        return Decimal(strike) / 1000, date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return Decimal(strike) / 1000, None
