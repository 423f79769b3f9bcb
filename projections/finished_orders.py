"""Orders, fills and executions, put together from a stretch of an account's log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

from events.values import money
from projections.fill_rows import FillRow
from projections.finished import Finished, Lines
from projections.ids import Ids
from projections.order_rows import OrderIntentRow, OrderStateRow
from projections.stage import Row, columns_of, copy_fields
from projections.texts import json_text

_TOLD: Final = (
    "state",
    "state_at",
    "state_precedence",
    "detail",
    "broker_order_id",
    "filled_quantity",
)
_SAME: Final = {  # what an execution has from its intent, by the intent's names
    "execution_id": "execution_id",
    "recommendation_id": "recommendation_id",
    "account_name": "account_name",
    "dispatcher_run_id": "dispatcher_run_id",
    "ticker": "ticker",
    "action": "action",
    "intended_at": "decision_ts",
    "stop_loss_price": "stop_loss_price",
    "take_profit_price": "take_profit_price",
    "max_hold_minutes": "max_hold_minutes",
    "execution_mode": "execution_mode",
    "explain_json": "explain_json",
    "risk_json": "risk_json",
    "instrument_type": "instrument_type",
    "strike_price": "strike_price",
    "expiration_date": "expiration_date",
    "delta": "delta",
    "implied_volatility": "implied_volatility",
    "option_symbol": "option_symbol",
    "strategy_type": "strategy_type",
    "features_snapshot": "features_snapshot",
}
_FROM_FILLS: Final = (
    "simulated_ts",
    "entry_price",
    "fill_model",
    "slippage_bps",
    "qty",
    "notional",
    "sim_json",
    "contracts",
    "premium_paid",
    "log_offset",
)
_PLACES: Final = {name: place for place, name in enumerate(OrderIntentRow._fields)}
_shared: Final = itemgetter(*(_PLACES[name] for name in _SAME))
_ORDER_COLUMNS: Final = ", ".join((*OrderIntentRow._fields, *_TOLD))
_FILL_COLUMNS: Final = columns_of(FillRow)
_EXECUTION_COLUMNS: Final = ", ".join((*_SAME.values(), *_FROM_FILLS))


@dataclass(slots=True)
class _Order:
    intents: list[OrderIntentRow] = field(default_factory=list)
    states: list[OrderStateRow] = field(default_factory=list)
    fills: list[FillRow] = field(default_factory=list)

    def rows(self) -> list[Row]:
        return [*self.intents, *self.states, *self.fills]


class OrdersFinisher:
    """Finish an order whose intent stands in the stretch, once per recommendation and leg.

    What comes of it later, and whatever is told twice or does not fit, is left.
    """

    taken_sql = "SELECT leg, recommendation_id FROM dispatch_orders WHERE account_name = %s"

    def __init__(self) -> None:
        """Start with nothing finished."""
        self._taken: dict[str, Ids] = {}

    def take(self, keys: Iterable[tuple[Any, ...]]) -> None:
        """Remember (leg, recommendation_id) that were finished before."""
        for leg, recommendation_id in keys:
            if leg is not None and recommendation_id is not None:
                self._taken.setdefault(leg, Ids()).add(recommendation_id)

    def finish(self, rows: Sequence[Row]) -> Finished:
        """Return orders with their fills and executions; see `Finisher`."""
        orders: dict[str, _Order] = {}
        for row in rows:
            order = orders.setdefault(
                row[1], _Order()
            )  # by client_order_id: the log is one account's
            match row:
                case OrderIntentRow():
                    order.intents.append(row)
                case OrderStateRow():
                    order.states.append(row)
                case FillRow():
                    order.fills.append(row)
                case _:
                    raise TypeError(f"{type(row).__name__} is no row of an order")
        left: list[Row] = []
        tables = {
            "dispatch_orders": Lines(_ORDER_COLUMNS),
            "dispatch_fills": Lines(_FILL_COLUMNS),
            "dispatch_executions": Lines(_EXECUTION_COLUMNS),
        }
        for order in orders.values():
            if self._is_new(order) and _is_plain(order):
                _write(order, tables)
            else:
                left.extend(order.rows())
        return Finished(tables, left)

    def _is_new(self, order: _Order) -> bool:
        """Say whether the order's intents may be finished here; they may never be again."""
        new = bool(order.intents)
        for intent in order.intents:
            if intent.leg is None or intent.recommendation_id is None:
                return False
            new &= self._taken.setdefault(intent.leg, Ids()).add(intent.recommendation_id)
        return new


def _is_plain(order: _Order) -> bool:
    brokers = _brokers(order)
    if len(order.intents) != 1 or len(brokers) > 1:
        return False
    sums = [fill.cumulative_quantity for fill in order.fills]
    rising = all(one < other for one, other in pairwise(sums))
    return rising and len({fill.fill_key for fill in order.fills}) == len(sums)


def _write(order: _Order, tables: dict[str, Lines]) -> None:
    [intent] = order.intents
    fields = copy_fields(intent)
    broker_order_id = next(iter(_brokers(order)), None)
    filled = order.fills[-1].cumulative_quantity if order.fills else Decimal(0)
    told = max(order.states, key=_precedence, default=None)
    state = (
        ("intended", None, None, None)
        if told is None
        else (told.state, told.state_at, told.state_precedence, told.detail)
    )
    after = copy_fields((*state, broker_order_id, filled))
    tables["dispatch_orders"].lines.append("\t".join(fields + after))
    if not order.fills:
        return
    tables["dispatch_fills"].lines.extend("\t".join(copy_fields(fill)) for fill in order.fills)
    if intent.execution_id is not None:
        of_fills = copy_fields(_from_fills(intent, order.fills))
        tables["dispatch_executions"].lines.append("\t".join([*_shared(fields), *of_fills]))


def _brokers(order: _Order) -> set[str]:
    found = {fill.broker_order_id for fill in order.fills}
    return found | {row.broker_order_id for row in order.states if row.broker_order_id is not None}


def _precedence(row: OrderStateRow) -> int:
    return row.state_precedence


def _from_fills(intent: OrderIntentRow, fills: list[FillRow]) -> Row:
    first, last = fills[0], fills[-1]
    is_option = intent.option_symbol is not None
    fees = money(sum((fill.fees for fill in fills), Decimal(0)))
    said = {
        "client_order_id": intent.client_order_id,
        "broker_order_id": last.broker_order_id,
        "fill_model": last.fill_model,
        "slippage_bps": last.slippage_bps,
        "fills": len(fills),
        "fees": fees,
    }
    whole = last.cumulative_quantity.to_integral_value(ROUND_DOWN)
    return (
        first.filled_at,
        last.average_price,
        last.fill_model,
        last.slippage_bps,
        last.cumulative_quantity,
        last.notional,
        json_text(said),
        int(whole) if is_option else None,
        last.notional if is_option else None,
        last.log_offset,
    )
