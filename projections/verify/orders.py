"""Orders, fills and executions, as plain as they can be told."""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from events.catalog import AnyEvent
from events.decision import RecommendationFailed
from events.envelope import Origin
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
)
from projections.dead_letter import DeadLetter
from projections.verify.fold import ExpectedRow, ExpectedTable
from projections.verify.intents import intent_row, leg_text, waiting_rows
from projections.verify.json_values import storable

_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CENT: Final = Decimal("0.00000001")
_ENDED: Final = 2**57
_WORKING: Final = 2**56


@dataclass(slots=True)
class _Order:
    intent: ExpectedRow | None = None
    told_by: ExpectedRow = field(default_factory=dict)
    state: ExpectedRow = field(default_factory=dict)
    broker_order_ids: set[str] = field(default_factory=set)
    fills: list[ExpectedRow] = field(default_factory=list)


class OrdersFold:
    """`dispatch_orders`, `dispatch_fills` and `dispatch_executions`."""

    def __init__(self) -> None:
        """Start with no orders."""
        self._orders: dict[tuple[str, str], _Order] = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up what is about an order."""
        match event:
            case OrderIntended():
                order = self._order(event.envelope.account_name, event.terms.client_order_id)
                if order.intent is None:
                    order.intent = intent_row(event, origin.offset)
                for row in waiting_rows(event, origin.offset):
                    leg = self._order(event.envelope.account_name, row["client_order_id"])
                    leg.intent = leg.intent or row
            case OrderFilled():
                _fill(
                    self._order(event.envelope.account_name, event.client_order_id), event, origin
                )
            case RecommendationFailed() if event.client_order_id is None:
                pass
            case (
                OrderAccepted()
                | OrderResent()
                | OrderRejected()
                | OrderOutcomeUnknown()
                | OrderCanceled()
                | OrderExpired()
                | RecommendationFailed()
            ):
                client_order_id = str(event.client_order_id)
                _told(self._order(event.envelope.account_name, client_order_id), event, origin)
            case _:
                pass

    def tables(self) -> dict[str, ExpectedTable]:
        """Return the rows of all three tables."""
        orders: ExpectedTable = {}
        fills: ExpectedTable = {}
        executions: ExpectedTable = {}
        for key, order in self._orders.items():
            if order.intent is not None or order.state:
                orders[key] = _order_row(key, order)
            for fill in order.fills:
                fills[(*key, fill["fill_key"])] = fill
            if order.intent is not None and order.intent["execution_id"] and order.fills:
                row = _execution_row(order.intent, order.fills)
                executions[row["recommendation_id"], row["account_name"]] = row
        return {
            "dispatch_orders": orders,
            "dispatch_fills": fills,
            "dispatch_executions": executions,
        }

    def _order(self, account: str, client_order_id: str) -> _Order:
        return self._orders.setdefault((account, client_order_id), _Order())


def _told(order: _Order, event: Any, origin: Origin) -> None:  # noqa: ANN401 -- one of the outcomes
    weight, state, detail = _state(event)
    told_at = weight + origin.offset
    broker_order_id = getattr(event, "broker_order_id", None)
    if broker_order_id is not None:
        order.broker_order_ids.add(broker_order_id)
    if not order.told_by:
        order.told_by = {
            "recommendation_id": event.envelope.recommendation_id,
            "leg": leg_text(event.envelope.leg),
        }
    if not order.state or told_at > order.state["state_precedence"]:
        order.state = {
            "state": state,
            "state_at": event.envelope.occurred_at,
            "state_precedence": told_at,
            "detail": None if detail is None else storable(detail),
        }


def _state(event: Any) -> tuple[int, str, str | None]:  # noqa: ANN401, PLR0911 -- one answer per event
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
        case _:
            return _ENDED, "failed", event.error


def _fill(order: _Order, event: OrderFilled, origin: Origin) -> None:
    if order.fills and event.cumulative_quantity <= order.fills[-1]["cumulative_quantity"]:
        return  # the same trade, told twice
    about = event.envelope
    average = _EXACT.divide(event.cumulative_notional, event.cumulative_quantity)
    order.fills.append(
        {
            "account_name": about.account_name,
            "client_order_id": event.client_order_id,
            "fill_key": event.fill_key,
            "event_id": about.event_id,
            "recommendation_id": about.recommendation_id,
            "leg": leg_text(about.leg),
            "broker_order_id": event.broker_order_id,
            "ticker": event.ticker,
            "symbol": event.symbol,
            "instrument_type": event.instrument_type.value,
            "multiplier": event.multiplier,
            "side": event.side.value,
            "quantity": event.quantity,
            "price": event.price,
            "cumulative_quantity": event.cumulative_quantity,
            "cumulative_notional": event.cumulative_notional,
            "average_price": average.quantize(_CENT, context=_EXACT),
            "notional": _EXACT.multiply(event.cumulative_notional, Decimal(event.multiplier)),
            "fees": event.fees,
            "filled_at": event.filled_at,
            "fill_model": event.fill_model,
            "slippage_bps": event.slippage_bps,
            "log_offset": origin.offset,
        }
    )


def _order_row(key: tuple[str, str], order: _Order) -> ExpectedRow:
    account, client_order_id = key
    row: ExpectedRow = {
        "account_name": account,
        "client_order_id": client_order_id,
        "state": "intended",
    }
    row |= order.told_by | order.state | (order.intent or {})
    filled = order.fills[-1]["cumulative_quantity"] if order.fills else Decimal(0)
    brokers = order.broker_order_ids | {fill["broker_order_id"] for fill in order.fills}
    row["filled_quantity"] = filled
    row["broker_order_id"] = max(brokers, default=None)
    row["status"] = row["state"]
    if filled > 0 and order.intent is not None and filled >= order.intent["quantity"]:
        row["status"] = "filled"
    elif filled > 0 and row["state"] in ("intended", "accepted", "resent", "unresolved"):
        row["status"] = "partially_filled"
    return row


_SHARED: Final = (
    "execution_id",
    "recommendation_id",
    "account_name",
    "dispatcher_run_id",
    "ticker",
    "action",
    "stop_loss_price",
    "take_profit_price",
    "max_hold_minutes",
    "execution_mode",
    "explain_json",
    "risk_json",
    "instrument_type",
    "strike_price",
    "expiration_date",
    "delta",
    "implied_volatility",
    "option_symbol",
    "strategy_type",
    "features_snapshot",
)


def _execution_row(intent: ExpectedRow, fills: list[ExpectedRow]) -> ExpectedRow:
    first, last = fills[0], fills[-1]
    fees = sum((fill["fees"] for fill in fills), Decimal(0)).quantize(_CENT, context=_EXACT)
    is_option = intent["option_symbol"] is not None
    whole = last["cumulative_quantity"].to_integral_value(ROUND_DOWN)
    return {
        **{column: intent[column] for column in _SHARED},
        "decision_ts": intent["intended_at"],
        "simulated_ts": first["filled_at"],
        "entry_price": last["average_price"],
        "fill_model": last["fill_model"],
        "slippage_bps": last["slippage_bps"],
        "qty": last["cumulative_quantity"],
        "notional": last["notional"],
        "sim_json": {
            "client_order_id": intent["client_order_id"],
            "broker_order_id": last["broker_order_id"],
            "fill_model": last["fill_model"],
            "slippage_bps": last["slippage_bps"],
            "fills": len(fills),
            "fees": f"{fees:f}",
        },
        "contracts": int(whole) if is_option else None,
        "premium_paid": last["notional"] if is_option else None,
        "log_offset": last["log_offset"],
    }
