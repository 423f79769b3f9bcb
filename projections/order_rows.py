"""Rows of orders: what the intent said, what became of the order."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias, assert_never
from uuid import UUID

from events.decision import RecommendationFailed
from events.envelope import Envelope
from events.identifiers import AccountName, Leg, RecommendationId, client_order_id, event_id
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
    Side,
)
from events.recommendation import InstrumentType
from events.sanity import OCC_PATTERN
from events.values import Money, Quantity
from projections.precedence import latest
from projections.stage import Json
from projections.texts import gates_json, json_or_text, json_text, market_dict, parsed, seen_dict

_WORKING: Final = 1
_ENDED: Final = 2
_OCC_TAIL: Final = 15  # yymmdd, C or P, and the strike in thousandths: eight digits


class OrderIntentRow(NamedTuple):
    """Everything that `OrderIntended` says, and an execution row will need."""

    account_name: str
    client_order_id: str
    recommendation_id: int | None
    leg: Leg | None
    execution_id: UUID | None
    ticker: str
    symbol: str
    instrument_type: str
    multiplier: int
    action: str
    side: str
    closes_position: bool
    quantity: Quantity
    order_type: str
    limit_price: Money | None
    worst_price: Money
    reserved_notional: Money
    execution_mode: str
    strategy_type: str
    confidence: Quantity
    stop_loss_price: Money | None
    take_profit_price: Money | None
    max_hold_minutes: int | None
    strike_price: Money | None
    expiration_date: date | None
    delta: Quantity | None
    implied_volatility: Quantity | None
    option_symbol: str | None
    intended_at: datetime
    issued_at: datetime
    fresh_until: datetime
    submit_before: datetime
    recommendation_run_id: UUID
    dispatcher_run_id: UUID
    config_hash: str
    explain_json: Json
    risk_json: Json
    features_snapshot: Json | None
    log_offset: int


class OrderStateRow(NamedTuple):
    """What became of an order; `state_precedence` says which of several stays."""

    account_name: str
    client_order_id: str
    recommendation_id: int | None
    leg: Leg | None
    state: str
    state_at: datetime
    state_precedence: int
    detail: str | None
    broker_order_id: str | None


OrderOutcome: TypeAlias = (
    OrderAccepted
    | OrderResent
    | OrderRejected
    | OrderOutcomeUnknown
    | OrderCanceled
    | OrderExpired
    | RecommendationFailed
)
"""What can become of an order, fills apart."""


def intent_row(event: OrderIntended, offset: int) -> OrderIntentRow:
    """Return the row of an intent that stands at `offset` of its account's log."""
    envelope, terms, option = event.envelope, event.terms, event.option
    strike, expiry = (option.strike, option.expiry) if option else _from_symbol(event)
    is_option = terms.instrument_type is not InstrumentType.STOCK
    return OrderIntentRow(
        account_name=envelope.account_name,
        client_order_id=terms.client_order_id,
        recommendation_id=envelope.recommendation_id,
        leg=envelope.leg,
        execution_id=execution_id(envelope),
        ticker=terms.ticker,
        symbol=terms.symbol,
        instrument_type=terms.instrument_type,
        multiplier=terms.multiplier,
        action=f"{terms.side.value}_{terms.instrument_type.value}",
        side=terms.side,
        closes_position=terms.closes_position,
        quantity=terms.quantity,
        order_type=terms.order_type,
        limit_price=terms.limit_price,
        worst_price=terms.worst_price,
        reserved_notional=terms.reserved_notional,
        execution_mode=event.execution_mode,
        strategy_type=event.strategy_type,
        confidence=event.confidence,
        stop_loss_price=event.stop,
        take_profit_price=event.target,
        max_hold_minutes=event.max_hold_minutes,
        strike_price=strike,
        expiration_date=expiry,
        delta=option.delta if option else None,
        implied_volatility=option.iv if option else None,
        option_symbol=terms.symbol if is_option else None,
        intended_at=envelope.occurred_at,
        issued_at=event.issued_at,
        fresh_until=event.fresh_until,
        submit_before=event.submit_before,
        recommendation_run_id=event.recommendation_run_id,
        dispatcher_run_id=envelope.dispatcher_run_id,
        config_hash=envelope.config_hash,
        explain_json=_explanation(event),
        risk_json=gates_json(event.gates),
        features_snapshot=json_or_text(event.features_snapshot),
        log_offset=offset,
    )


def leg_rows(event: OrderIntended, offset: int) -> Iterator[OrderIntentRow]:
    """Yield the rows of the stop and the target that wait at the broker for an entry to fill."""
    about, terms = event.envelope, event.terms
    stop, target, number = terms.stop_loss, terms.take_profit, about.recommendation_id
    if stop is None or target is None or number is None:
        return
    entry = intent_row(event, offset)
    side = Side.SELL if terms.side is Side.BUY else Side.BUY
    for leg, price, order_type in ((Leg.STOP, stop, "STOP"), (Leg.TARGET, target, "LIMIT")):
        name = client_order_id(AccountName(about.account_name), RecommendationId(number), leg)
        yield entry._replace(
            client_order_id=name,
            leg=leg,
            execution_id=None,
            action=f"{side.value}_{terms.instrument_type.value}",
            side=side,
            closes_position=True,
            order_type=order_type,
            limit_price=price if leg is Leg.TARGET else None,
            worst_price=price,
            reserved_notional=Decimal(0),
        )


def state_row(event: OrderOutcome, offset: int) -> OrderStateRow | None:
    """Return what an event at `offset` says about an order's state, None when about no order."""
    if event.client_order_id is None:
        return None
    rank, state, detail = _state(event)
    broker_order_id: str | None = getattr(event, "broker_order_id", None)
    return OrderStateRow(
        account_name=event.envelope.account_name,
        client_order_id=event.client_order_id,
        recommendation_id=event.envelope.recommendation_id,
        leg=event.envelope.leg,
        state=state,
        state_at=event.envelope.occurred_at,
        state_precedence=latest(rank, offset),
        detail=detail,
        broker_order_id=broker_order_id,
    )


def execution_id(envelope: Envelope) -> UUID | None:
    """Derive the id of the row in `dispatch_executions`; None for what is no entry."""
    if envelope.recommendation_id is None or envelope.leg is not Leg.ENTRY:
        return None
    subject = f"recommendation:{envelope.recommendation_id}"
    return event_id(envelope.account_name, subject, Leg.ENTRY, "execution")


def _state(event: OrderOutcome) -> tuple[int, str, str | None]:  # noqa: PLR0911 -- one answer per event
    match event:
        case OrderAccepted():
            return _WORKING, "accepted", "adopted" if event.adopted else None
        case OrderResent():
            return _WORKING, "resent", event.reason
        case OrderOutcomeUnknown():
            return _WORKING, "unresolved", event.how
        case OrderRejected():
            return _ENDED, "rejected", event.message
        case OrderCanceled():
            return _ENDED, "canceled", None
        case OrderExpired():
            return _ENDED, "expired", None
        case RecommendationFailed():
            return _ENDED, "failed", event.error
        case _:
            assert_never(event)


def _explanation(event: OrderIntended) -> Json:
    return json_text(
        {
            "reason": parsed(event.reason),
            "sizing": parsed(event.sizing),
            "exits": parsed(event.exits),
            "market": market_dict(event.market),
            "confidence": event.confidence,
            "issued_at": event.issued_at.isoformat(),
            "recommendation_run_id": str(event.recommendation_run_id),
            "seen": seen_dict(event.seen),
            "config_hash": event.envelope.config_hash,
            "build": event.envelope.build,
        }
    )


def _from_symbol(event: OrderIntended) -> tuple[Decimal | None, date | None]:
    symbol = event.terms.symbol
    if event.terms.instrument_type is InstrumentType.STOCK or not OCC_PATTERN.fullmatch(symbol):
        return None, None
    tail = symbol[-_OCC_TAIL:]
    strike = Decimal(tail[7:]).scaleb(-3)
    try:
        return strike, date(2000 + int(tail[0:2]), int(tail[2:4]), int(tail[4:6]))
    except ValueError:
        return strike, None
