"""Orders, fills and executions, as plain as they can be told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from functools import partial
from typing import Any, ClassVar, Final

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
from projections.verify.json_values import Json, storable

_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CENT: Final = Decimal("0.00000001")
_ENDED: Final = 2**57
_WORKING: Final = 2**56
_STATES: Final[Mapping[type, Callable[[Any], tuple[int, str, str | None]]]] = {
    OrderAccepted: lambda event: (_WORKING, "accepted", "adopted" if event.adopted else None),
    OrderResent: lambda event: (_WORKING, "resent", event.reason),
    OrderOutcomeUnknown: lambda event: (_WORKING, "unresolved", event.how),
    OrderRejected: lambda event: (_ENDED, "rejected", event.message),
    OrderCanceled: lambda _: (_ENDED, "canceled", None),
    OrderExpired: lambda _: (_ENDED, "expired", None),
    RecommendationFailed: lambda event: (_ENDED, "failed", event.error),
}
"""What each event makes of an order: how much that weighs, the state, and what is said of it."""


@dataclass(slots=True)
class _Order:
    intent: ExpectedRow | None = None
    told_by: ExpectedRow = field(default_factory=dict)
    state: ExpectedRow = field(default_factory=dict)
    broker_order_ids: set[str] = field(default_factory=set)
    fills: list[ExpectedRow] = field(default_factory=list)


class OrdersFold:
    """`dispatch_orders`, `dispatch_fills` and `dispatch_executions`."""

    events: ClassVar = frozenset({OrderIntended, OrderFilled, *_STATES})

    def __init__(self) -> None:
        """Start with no orders."""
        self._orders: dict[tuple[str, str], _Order] = {}

    def take(self, event: AnyEvent | DeadLetter, origin: Origin) -> None:
        """Take up what is about an order."""
        said: Any = event
        match event:
            case OrderIntended():
                order = self._order(event.envelope.account_name, event.terms.client_order_id)
                if order.intent is None:
                    order.intent = intent_row(event, origin.offset)
                for row in waiting_rows(event, origin.offset):
                    leg = self._order(event.envelope.account_name, row["client_order_id"])
                    leg.intent = leg.intent or row
            case OrderFilled():
                order = self._order(event.envelope.account_name, event.client_order_id)
                _fill(order, event, origin)
            case _:
                state = _STATES.get(type(event))
                if state is not None and said.client_order_id is not None:
                    order = self._order(said.envelope.account_name, said.client_order_id)
                    _told(order, event, origin, state(event))

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
        key = (account, client_order_id)
        order = self._orders.get(key)
        if order is None:
            order = self._orders[key] = _Order()
        return order


def _told(
    order: _Order,
    event: Any,  # noqa: ANN401 -- one of the outcomes
    origin: Origin,
    said: tuple[int, str, str | None],
) -> None:
    weight, state, detail = said
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
        "sim_json": Json(partial(_simulation, intent, last, len(fills), fees)),
        "contracts": int(whole) if is_option else None,
        "premium_paid": last["notional"] if is_option else None,
        "log_offset": last["log_offset"],
    }


def _simulation(intent: ExpectedRow, last: ExpectedRow, fills: int, fees: Decimal) -> ExpectedRow:
    return {
        "client_order_id": intent["client_order_id"],
        "broker_order_id": last["broker_order_id"],
        "fill_model": last["fill_model"],
        "slippage_bps": last["slippage_bps"],
        "fills": fills,
        "fees": f"{fees:f}",
    }
