"""Rows of fills: each trade, and where the order stands after it."""

from datetime import datetime
from decimal import Context, Decimal
from typing import Final, NamedTuple
from uuid import UUID

from events.identifiers import Leg
from events.order import OrderFilled
from events.values import PRECISION, Money, Quantity, money

_WIDE: Final = Context(prec=2 * PRECISION)


class FillRow(NamedTuple):
    """One trade. Prices are US dollars per share, `notional` the order's dollars so far."""

    account_name: str
    client_order_id: str
    fill_key: str
    event_id: UUID
    recommendation_id: int | None
    leg: Leg | None
    broker_order_id: str
    ticker: str
    symbol: str
    instrument_type: str
    multiplier: int
    side: str
    quantity: Quantity
    price: Money
    cumulative_quantity: Quantity
    cumulative_notional: Money
    average_price: Money
    notional: Money
    fees: Money
    filled_at: datetime
    fill_model: str
    slippage_bps: int | None
    log_offset: int


def fill_row(event: OrderFilled, offset: int) -> FillRow:
    """Return the row of a fill that stands at `offset` of its account's log."""
    envelope = event.envelope
    average = _WIDE.divide(event.cumulative_notional, event.cumulative_quantity)
    return FillRow(
        account_name=envelope.account_name,
        client_order_id=event.client_order_id,
        fill_key=event.fill_key,
        event_id=envelope.event_id,
        recommendation_id=envelope.recommendation_id,
        leg=envelope.leg,
        broker_order_id=event.broker_order_id,
        ticker=event.ticker,
        symbol=event.symbol,
        instrument_type=event.instrument_type,
        multiplier=event.multiplier,
        side=event.side,
        quantity=event.quantity,
        price=event.price,
        cumulative_quantity=event.cumulative_quantity,
        cumulative_notional=event.cumulative_notional,
        average_price=money(average),
        notional=_WIDE.multiply(event.cumulative_notional, Decimal(event.multiplier)),
        fees=event.fees,
        filled_at=event.filled_at,
        fill_model=event.fill_model,
        slippage_bps=event.slippage_bps,
        log_offset=offset,
    )
