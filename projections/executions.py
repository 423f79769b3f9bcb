"""`dispatch_orders`, `dispatch_fills` and, from both, `dispatch_executions`."""

from collections.abc import Iterable
from functools import partial
from typing import Final, get_args

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
from projections.fill_rows import FillRow, fill_row
from projections.finished_orders import OrdersFinisher
from projections.order_rows import (
    OrderIntentRow,
    OrderOutcome,
    OrderStateRow,
    intent_row,
    leg_rows,
    state_row,
)
from projections.projection import Projection, Readable
from projections.stage import OtherHalf, Row, Stage, keep_first

_INTENTS: Final = Stage(
    name="stage_order_intents",
    row=OrderIntentRow,
    merges=(
        keep_first(
            "dispatch_orders",
            "stage_order_intents",
            OrderIntentRow,
            key=("account_name", "client_order_id"),
            order="log_offset",
            other=OtherHalf(
                columns={
                    "state": "coalesce(told.state, 'intended')",
                    "state_at": "told.state_at",
                    "state_precedence": "told.state_precedence",
                    "detail": "told.detail",
                    "broker_order_id": "named.broker_order_id",
                    "filled_quantity": "coalesce(filled.quantity, 0)",
                },
                joins="""
LEFT JOIN (
    SELECT DISTINCT ON (account_name, client_order_id)
        account_name, client_order_id, state, state_at, state_precedence, detail
    FROM stage_order_states
    ORDER BY account_name, client_order_id, state_precedence DESC
) AS told USING (account_name, client_order_id)
LEFT JOIN (
    SELECT account_name, client_order_id, max(broker_order_id) AS broker_order_id
    FROM stage_order_states
    GROUP BY account_name, client_order_id
) AS named USING (account_name, client_order_id)
LEFT JOIN (
    SELECT account_name, client_order_id, max(cumulative_quantity) AS quantity
    FROM stage_fills
    GROUP BY account_name, client_order_id
) AS filled USING (account_name, client_order_id)""",
            ),
        ),
    ),
)

_STATES: Final = Stage(
    name="stage_order_states",
    row=OrderStateRow,
    merges=(
        """
INSERT INTO dispatch_orders AS t (
    account_name, client_order_id, recommendation_id, leg,
    state, state_at, state_precedence, detail
)
SELECT DISTINCT ON (account_name, client_order_id)
    account_name, client_order_id, recommendation_id, leg,
    state, state_at, state_precedence, detail
FROM stage_order_states
ORDER BY account_name, client_order_id, state_precedence DESC
ON CONFLICT (account_name, client_order_id) DO UPDATE SET
    state = excluded.state,
    state_at = excluded.state_at,
    state_precedence = excluded.state_precedence,
    detail = excluded.detail
WHERE t.state_precedence IS NULL OR excluded.state_precedence > t.state_precedence
""",
        """
UPDATE dispatch_orders AS o
SET broker_order_id = told.broker_order_id
FROM (
    SELECT account_name, client_order_id, max(broker_order_id) AS broker_order_id
    FROM stage_order_states
    GROUP BY account_name, client_order_id
) AS told
WHERE o.account_name = told.account_name
  AND o.client_order_id = told.client_order_id
  AND (o.broker_order_id IS NULL OR o.broker_order_id < told.broker_order_id)
""",
    ),
)

_DROP_WHAT_WAS_TOLD_TWICE: Final = """
-- A fill not above what the log had said before is no fill: the same trade, told twice.
DELETE FROM dispatch_fills AS told
USING dispatch_fills AS before
WHERE (told.account_name, told.client_order_id) IN (
        SELECT account_name, client_order_id FROM stage_fills
    )
  AND before.account_name = told.account_name
  AND before.client_order_id = told.client_order_id
  AND before.log_offset < told.log_offset
  AND before.cumulative_quantity >= told.cumulative_quantity
"""

_FILLS: Final = Stage(
    name="stage_fills",
    row=FillRow,
    merges=(
        keep_first(
            "dispatch_fills",
            "stage_fills",
            FillRow,
            key=("account_name", "client_order_id", "fill_key"),
            order="log_offset",
        ),
        _DROP_WHAT_WAS_TOLD_TWICE,
    ),
)

_DERIVE: Final = """
WITH touched AS MATERIALIZED (
    SELECT
        account_name,
        client_order_id,
        max(cumulative_quantity) AS quantity,
        (array_agg(filled_at ORDER BY cumulative_quantity))[1] AS first_filled_at,
        count(*) AS fills,
        sum(fees) AS fees,
        max(broker_order_id) AS broker_order_id
    FROM (
        SELECT account_name, client_order_id FROM stage_fills
        UNION
        SELECT account_name, client_order_id FROM stage_order_intents
    ) AS staged
    JOIN dispatch_fills USING (account_name, client_order_id)
    GROUP BY account_name, client_order_id
), sized AS (
    UPDATE dispatch_orders AS o
    SET
        filled_quantity = touched.quantity,
        broker_order_id = greatest(o.broker_order_id, touched.broker_order_id)
    FROM touched
    WHERE o.account_name = touched.account_name
      AND o.client_order_id = touched.client_order_id
      AND (
          o.filled_quantity <> touched.quantity
          OR o.broker_order_id IS DISTINCT FROM greatest(o.broker_order_id, touched.broker_order_id)
      )
)
INSERT INTO dispatch_executions AS t (
    execution_id, recommendation_id, account_name, dispatcher_run_id, ticker, action,
    decision_ts, simulated_ts, entry_price, fill_model, slippage_bps, qty, notional,
    stop_loss_price, take_profit_price, max_hold_minutes, execution_mode,
    explain_json, risk_json, sim_json,
    instrument_type, strike_price, expiration_date, contracts, premium_paid,
    delta, implied_volatility, option_symbol, strategy_type, features_snapshot, log_offset
)
SELECT
    o.execution_id, o.recommendation_id, o.account_name, o.dispatcher_run_id, o.ticker, o.action,
    o.intended_at, touched.first_filled_at, f.average_price, f.fill_model, f.slippage_bps,
    f.cumulative_quantity, f.notional,
    o.stop_loss_price, o.take_profit_price, o.max_hold_minutes, o.execution_mode,
    o.explain_json, o.risk_json,
    jsonb_build_object(
        'client_order_id', o.client_order_id,
        'broker_order_id', f.broker_order_id,
        'fill_model', f.fill_model,
        'slippage_bps', f.slippage_bps,
        'fills', touched.fills,
        'fees', touched.fees::TEXT
    ),
    o.instrument_type, o.strike_price, o.expiration_date,
    CASE WHEN o.option_symbol IS NOT NULL THEN trunc(f.cumulative_quantity)::BIGINT END,
    CASE WHEN o.option_symbol IS NOT NULL THEN f.notional END,
    o.delta, o.implied_volatility, o.option_symbol, o.strategy_type, o.features_snapshot,
    f.log_offset
FROM touched
JOIN dispatch_orders AS o
  ON o.account_name = touched.account_name
 AND o.client_order_id = touched.client_order_id
JOIN dispatch_fills AS f
  ON f.account_name = touched.account_name
 AND f.client_order_id = touched.client_order_id
 AND f.cumulative_quantity = touched.quantity
WHERE o.execution_id IS NOT NULL
ON CONFLICT (recommendation_id, account_name) DO UPDATE SET
    execution_id = excluded.execution_id,
    dispatcher_run_id = excluded.dispatcher_run_id,
    ticker = excluded.ticker,
    action = excluded.action,
    decision_ts = excluded.decision_ts,
    simulated_ts = excluded.simulated_ts,
    entry_price = excluded.entry_price,
    fill_model = excluded.fill_model,
    slippage_bps = excluded.slippage_bps,
    qty = excluded.qty,
    notional = excluded.notional,
    stop_loss_price = excluded.stop_loss_price,
    take_profit_price = excluded.take_profit_price,
    max_hold_minutes = excluded.max_hold_minutes,
    execution_mode = excluded.execution_mode,
    explain_json = excluded.explain_json,
    risk_json = excluded.risk_json,
    sim_json = excluded.sim_json,
    instrument_type = excluded.instrument_type,
    strike_price = excluded.strike_price,
    expiration_date = excluded.expiration_date,
    contracts = excluded.contracts,
    premium_paid = excluded.premium_paid,
    delta = excluded.delta,
    implied_volatility = excluded.implied_volatility,
    option_symbol = excluded.option_symbol,
    strategy_type = excluded.strategy_type,
    features_snapshot = excluded.features_snapshot,
    log_offset = excluded.log_offset
"""


def rows(event: Readable, origin: Origin) -> Iterable[Row]:
    """Return what an event says about an order: its intent, its state or a fill."""
    match event:
        case OrderIntended():
            yield intent_row(event, origin.offset)
            yield from leg_rows(event, origin.offset)
        case OrderFilled():
            yield fill_row(event, origin.offset)
        case (
            OrderAccepted()
            | OrderResent()
            | OrderRejected()
            | OrderOutcomeUnknown()
            | OrderCanceled()
            | OrderExpired()
            | RecommendationFailed()
        ):
            state = state_row(event, origin.offset)
            if state is not None:
                yield state
        case _:
            pass


EXECUTIONS: Final = Projection(
    name="executions",
    reads_logs=True,
    tables=("dispatch_orders", "dispatch_fills", "dispatch_executions"),
    stages=(_INTENTS, _STATES, _FILLS),
    rows=rows,
    derive=_DERIVE,
    finisher=OrdersFinisher,
    live_finisher=partial(OrdersFinisher, joins=True),
    events=frozenset((OrderIntended, OrderFilled, *get_args(OrderOutcome))),
)
"""Orders, fills and the executions that readers know: one per recommendation and account."""
