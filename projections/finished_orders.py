"""Orders, fills and executions, put together from a stretch of an account's log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final, NamedTuple

from events.values import Money, Quantity, money
from projections.copying import copy_fields
from projections.fill_rows import FillRow
from projections.finished import Finished, Lines
from projections.ids import Ids
from projections.order_rows import OrderIntentRow, OrderStateRow
from projections.stage import Json, Row, columns_of, sql_types
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


class FilledRow(NamedTuple):
    """What an execution has from its fills; the rest is its order's."""

    account_name: str
    client_order_id: str
    simulated_ts: datetime
    entry_price: Money
    fill_model: str
    slippage_bps: int | None
    qty: Quantity
    notional: Money
    sim_json: Json
    contracts: int | None
    premium_paid: Money | None
    log_offset: int


_FROM_FILLS: Final = FilledRow._fields[2:]
_PLACES: Final = {name: place for place, name in enumerate(OrderIntentRow._fields)}
_shared: Final = itemgetter(*(_PLACES[name] for name in _SAME))
_ORDER_COLUMNS: Final = ", ".join((*OrderIntentRow._fields, *_TOLD))
_FILL_COLUMNS: Final = columns_of(FillRow)
_CHANGES: Final = [
    name
    for name in (*_SAME.values(), *_FROM_FILLS)
    if name not in ("recommendation_id", "account_name")
]
_EXECUTION_COLUMNS: Final = ", ".join((*_SAME.values(), *_FROM_FILLS))

_JOIN: Final = f"""
INSERT INTO dispatch_executions ({_EXECUTION_COLUMNS})
SELECT {", ".join(f"o.{name}" for name in _SAME)}, {", ".join(f"s.{name}" for name in _FROM_FILLS)}
FROM unnest({", ".join(f"%s::{kind}[]" for _, kind in sql_types(FilledRow))})
    AS s ({columns_of(FilledRow)})
JOIN dispatch_orders AS o USING (account_name, client_order_id)
ON CONFLICT (recommendation_id, account_name) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in _CHANGES)}
"""  # noqa: S608 -- names from this folder's own row types, never from data
"""Executions of orders that are finished in the same transaction.

PostgreSQL has read and compressed their JSON once already, which takes it longer than all the rest.
Rows come as parameters, not by way of a stage: that spares two round trips.
"""


@dataclass(slots=True)
class _Order:
    intents: list[OrderIntentRow] = field(default_factory=list)
    states: list[OrderStateRow] = field(default_factory=list)
    fills: list[FillRow] = field(default_factory=list)

    def rows(self) -> list[Row]:
        return [*self.intents, *self.states, *self.fills]


class OrdersFinisher:
    """Finish an order whose intent stands in the stretch, once per recommendation and leg.

    What comes of it later, and whatever is told twice or does not fit, is left. Executions are
    `joined` with their orders by PostgreSQL where the finisher `joins`.
    """

    join_sql = _JOIN

    taken_sql = "SELECT leg, recommendation_id FROM dispatch_orders WHERE account_name = %s"
    known_sql = """
SELECT count(*)
FROM unnest(%(accounts)s::TEXT[], %(keys)s::TEXT[]) AS k (account_name, client_order_id)
CROSS JOIN LATERAL (
    (
        SELECT FROM dispatch_orders AS o
        WHERE o.account_name = k.account_name AND o.client_order_id = k.client_order_id
        LIMIT 1
    )
    UNION ALL
    (
        SELECT FROM dispatch_fills AS f
        WHERE f.account_name = k.account_name AND f.client_order_id = k.client_order_id
        LIMIT 1
    )
) AS known
"""

    def __init__(self, *, joins: bool = False) -> None:
        """Start with nothing finished."""
        self._joins = joins
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
            order = orders.get(row[1])  # by client_order_id: the log is one account's
            if order is None:
                order = orders[row[1]] = _Order()
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
        joined: list[Row] = []
        tables = {
            "dispatch_orders": Lines(_ORDER_COLUMNS),
            "dispatch_fills": Lines(_FILL_COLUMNS),
            "dispatch_executions": Lines(_EXECUTION_COLUMNS),
        }
        keys: list[tuple[str, str]] = []
        for order in orders.values():
            if self._is_new(order) and _is_plain(order):
                fields, filled = _write(order, tables)
                if filled is not None and self._joins:
                    joined.append(filled)
                elif filled is not None:
                    line = [*_shared(fields), *copy_fields(filled[2:])]
                    tables["dispatch_executions"].lines.append("\t".join(line))
                keys.append((order.intents[0].account_name, order.intents[0].client_order_id))
            else:
                left.extend(order.rows())
        return Finished(tables, left, keys, joined)

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


def _write(order: _Order, tables: dict[str, Lines]) -> tuple[list[str], FilledRow | None]:
    """Write an order and its fills; return the order's fields, and what its execution adds."""
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
    tables["dispatch_fills"].lines.extend("\t".join(copy_fields(fill)) for fill in order.fills)
    executed = order.fills and intent.execution_id is not None
    return fields, _filled(intent, order.fills) if executed else None


def _brokers(order: _Order) -> set[str]:
    found = {fill.broker_order_id for fill in order.fills}
    return found | {row.broker_order_id for row in order.states if row.broker_order_id is not None}


def _precedence(row: OrderStateRow) -> int:
    return row.state_precedence


def _filled(intent: OrderIntentRow, fills: list[FillRow]) -> FilledRow:
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
    return FilledRow(
        account_name=intent.account_name,
        client_order_id=intent.client_order_id,
        simulated_ts=first.filled_at,
        entry_price=last.average_price,
        fill_model=last.fill_model,
        slippage_bps=last.slippage_bps,
        qty=last.cumulative_quantity,
        notional=last.notional,
        sim_json=json_text(said),
        contracts=int(whole) if is_option else None,
        premium_paid=last.notional if is_option else None,
        log_offset=last.log_offset,
    )
