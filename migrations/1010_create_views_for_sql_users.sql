-- Why: whoever asks in SQL needs names that stay while tables change, and answers that no query has to derive again.
-- Order: expand
SET lock_timeout = '2s';

-- A schema of their own, so that one grant is enough. They are replaced, never dropped: what stands on them stays.
CREATE SCHEMA IF NOT EXISTS dispatch_views;

-- The New York day: limits count by it, whatever zone the session has.
CREATE OR REPLACE FUNCTION dispatch_views.exchange_day(moment TIMESTAMPTZ) RETURNS DATE
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
RETURN (moment AT TIME ZONE 'America/New_York')::DATE;

CREATE OR REPLACE FUNCTION dispatch_views.day_begins(day DATE) RETURNS TIMESTAMPTZ
LANGUAGE SQL IMMUTABLE PARALLEL SAFE
RETURN day::TIMESTAMP AT TIME ZONE 'America/New_York';

CREATE OR REPLACE VIEW dispatch_views.executions AS
SELECT
    account_name,
    recommendation_id,
    dispatch_views.exchange_day(simulated_ts) AS exchange_day,
    simulated_ts AS executed_at,
    decision_ts AS decided_at,
    ticker,
    action,
    instrument_type,
    option_symbol,
    strategy_type,
    qty AS quantity,
    entry_price,
    notional,
    execution_mode,
    execution_id,
    dispatcher_run_id,
    log_offset
FROM dispatch_executions;

-- Executions of one exchange day; the day becomes two bounds, for which there is an index.
CREATE OR REPLACE FUNCTION dispatch_views.executions_on(day DATE)
RETURNS SETOF dispatch_views.executions
LANGUAGE SQL STABLE PARALLEL SAFE AS $$
    SELECT * FROM dispatch_views.executions
    WHERE executed_at >= dispatch_views.day_begins(day)
      AND executed_at < dispatch_views.day_begins(day + 1)
$$;

CREATE OR REPLACE VIEW dispatch_views.executions_today AS
SELECT * FROM dispatch_views.executions
WHERE executed_at >= dispatch_views.day_begins(dispatch_views.exchange_day(now()));

-- What the limits per ticker and the cooldown ask.
CREATE OR REPLACE VIEW dispatch_views.tickers_today AS
SELECT
    account_name,
    ticker,
    count(*) AS executions,
    sum(notional) AS notional,
    max(executed_at) AS last_executed_at
FROM dispatch_views.executions_today
GROUP BY account_name, ticker;

-- What an account may still do. Today is the present New York day; an account that is idle has 0 there. The
-- last day is that of the account's last event, which in a historical run is long ago.
CREATE OR REPLACE VIEW dispatch_views.accounts AS
SELECT
    s.account_name,
    s.mode,
    s.trading_status,
    s.trading_reason,
    s.open_position_count,
    s.max_open_positions,
    s.exposure,
    s.max_notional_exposure,
    s.max_notional_exposure - s.exposure AS exposure_left,
    s.held_cost,
    s.reserved,
    s.open_order_count,
    s.unresolved_order_count,
    dispatch_views.exchange_day(now()) AS exchange_day,
    coalesce(t.executions, 0) AS executions_today,
    CASE
        WHEN s.exchange_day = dispatch_views.exchange_day(now()) THEN s.day_pnl
        ELSE 0
    END AS pnl_today,
    s.exchange_day AS last_day,
    s.executions_on_exchange_day AS executions_on_last_day,
    s.day_pnl AS pnl_on_last_day,
    s.cash,
    s.equity,
    s.realised_pnl,
    s.open_pnl,
    s.fees,
    s.log_offset,
    s.last_event_at
FROM account_state AS s
LEFT JOIN (
    SELECT account_name, count(*) AS executions
    FROM dispatch_views.executions_today
    GROUP BY account_name
) AS t USING (account_name);

CREATE OR REPLACE VIEW dispatch_views.open_positions AS
SELECT
    account_name, symbol, ticker, instrument_type, multiplier, quantity, average_price, cost,
    last_price, market_value, open_pnl, log_offset
FROM account_positions;

CREATE OR REPLACE VIEW dispatch_views.open_orders AS
SELECT
    account_name,
    client_order_id,
    recommendation_id,
    leg,
    ticker,
    symbol,
    side,
    status,
    quantity,
    filled_quantity,
    limit_price,
    worst_price,
    CASE
        WHEN closes_position THEN 0
        ELSE worst_price * (quantity - filled_quantity) * multiplier
    END AS reserved,
    intended_at,
    broker_order_id
FROM dispatch_orders
WHERE status IN ('intended', 'accepted', 'resent', 'unresolved', 'partially_filled')
  AND intended_at IS NOT NULL;

CREATE OR REPLACE VIEW dispatch_views.recommendation_outcomes AS
SELECT
    recommendation_id, account_name, ticker, action, instrument_type, strategy_type,
    status, status_at, failure_reason, declined_by, decided_at, client_order_id
FROM recommendation_status;

-- How far each table's rows go: every event before next_offset, but for those that are parked.
CREATE OR REPLACE VIEW dispatch_views.freshness AS
SELECT
    c.projection,
    c.topic,
    CASE
        WHEN c.topic LIKE 'dispatch.events.%' THEN substr(c.topic, length('dispatch.events.') + 1)
    END AS account_name,
    c.next_offset,
    coalesce(p.events, 0) AS parked_events
FROM projection_checkpoints AS c
LEFT JOIN (
    SELECT projection, topic, partition, count(*) AS events
    FROM parked_events
    GROUP BY projection, topic, partition
) AS p USING (projection, topic, partition);
