-- Why: an execution is folded from an intent and its fills, which are events of their own and can arrive in either order.
SET lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS dispatch_orders (
    account_name          VARCHAR(50) NOT NULL,
    client_order_id       TEXT NOT NULL,
    recommendation_id     BIGINT,
    leg                   TEXT,
    -- from OrderIntended; null as long as only an outcome has been seen
    execution_id          UUID,
    ticker                TEXT,
    symbol                TEXT,
    instrument_type       TEXT,
    multiplier            BIGINT,
    action                TEXT,
    side                  TEXT,
    closes_position       BOOLEAN,
    quantity              NUMERIC(28, 9),
    order_type            TEXT,
    limit_price           NUMERIC(28, 8),
    worst_price           NUMERIC(28, 8),
    reserved_notional     NUMERIC(28, 8),
    execution_mode        TEXT,
    strategy_type         TEXT,
    confidence            NUMERIC(28, 9),
    stop_loss_price       NUMERIC(28, 8),
    take_profit_price     NUMERIC(28, 8),
    max_hold_minutes      BIGINT,
    strike_price          NUMERIC(28, 8),
    expiration_date       DATE,
    delta                 NUMERIC(28, 9),
    implied_volatility    NUMERIC(28, 9),
    option_symbol         TEXT,
    intended_at           TIMESTAMPTZ,
    issued_at             TIMESTAMPTZ,
    fresh_until           TIMESTAMPTZ,
    submit_before         TIMESTAMPTZ,
    recommendation_run_id UUID,
    dispatcher_run_id     UUID,
    config_hash           TEXT,
    explain_json          JSONB,
    risk_json             JSONB,
    features_snapshot     JSONB,
    log_offset            BIGINT,
    -- from whatever happened to the order afterwards
    state                 TEXT NOT NULL DEFAULT 'intended',
    state_at              TIMESTAMPTZ,
    state_precedence      BIGINT,
    detail                TEXT,
    broker_order_id       TEXT,
    filled_quantity       NUMERIC(28, 9) NOT NULL DEFAULT 0,
    status                TEXT GENERATED ALWAYS AS (
        CASE
            WHEN filled_quantity > 0 AND filled_quantity >= quantity THEN 'filled'
            WHEN filled_quantity > 0 AND state IN ('intended', 'accepted', 'resent', 'unresolved')
                THEN 'partially_filled'
            ELSE state
        END
    ) STORED,
    PRIMARY KEY (account_name, client_order_id),
    CONSTRAINT ck_dispatch_orders_numbers CHECK (
        quantity > 0 AND quantity <= 1e15
        AND multiplier > 0
        AND limit_price BETWEEN 0 AND 1e12
        AND worst_price BETWEEN 0 AND 1e12
        AND reserved_notional BETWEEN 0 AND 1e18
        AND filled_quantity BETWEEN 0 AND 1e15
    )
);

CREATE INDEX IF NOT EXISTS idx_dispatch_orders_recommendation
    ON dispatch_orders (recommendation_id, account_name);

CREATE TABLE IF NOT EXISTS dispatch_fills (
    account_name        VARCHAR(50) NOT NULL,
    client_order_id     TEXT NOT NULL,
    fill_key            TEXT NOT NULL,
    event_id            UUID NOT NULL,
    recommendation_id   BIGINT,
    leg                 TEXT,
    broker_order_id     TEXT NOT NULL,
    ticker              TEXT NOT NULL,
    symbol              TEXT NOT NULL,
    instrument_type     TEXT NOT NULL,
    multiplier          BIGINT NOT NULL,
    side                TEXT NOT NULL,
    quantity            NUMERIC(28, 9) NOT NULL,
    price               NUMERIC(28, 8) NOT NULL,
    cumulative_quantity NUMERIC(28, 9) NOT NULL,
    cumulative_notional NUMERIC(28, 8) NOT NULL,
    average_price       NUMERIC(28, 8) NOT NULL,
    notional            NUMERIC(28, 8) NOT NULL,
    fees                NUMERIC(28, 8) NOT NULL,
    filled_at           TIMESTAMPTZ NOT NULL,
    fill_model          TEXT NOT NULL,
    slippage_bps        BIGINT,
    log_offset          BIGINT NOT NULL,
    PRIMARY KEY (account_name, client_order_id, fill_key),
    CONSTRAINT ck_dispatch_fills_numbers CHECK (
        quantity > 0 AND quantity <= 1e15
        AND multiplier > 0
        AND price BETWEEN 0 AND 1e12
        AND cumulative_quantity >= quantity AND cumulative_quantity <= 1e15
        AND cumulative_notional BETWEEN 0 AND 1e18
        AND average_price BETWEEN 0 AND 1e12
        AND notional BETWEEN 0 AND 1e18
        AND fees BETWEEN -1e12 AND 1e12
    )
);

CREATE INDEX IF NOT EXISTS idx_dispatch_fills_filled_at
    ON dispatch_fills (filled_at, account_name);
