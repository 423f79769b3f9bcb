-- Why: readers query these three tables; an empty database gets their known shape, a legacy one keeps its own.
SET lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS dispatch_recommendations (
    id                 BIGINT PRIMARY KEY,
    ts                 TIMESTAMPTZ,
    ticker             TEXT,
    action             TEXT,
    confidence         DOUBLE PRECISION,
    reason             JSONB,
    status             TEXT,
    executed_at        TIMESTAMPTZ,
    filled_price       NUMERIC(18, 8),
    shares             NUMERIC(18, 8),
    processed_at       TIMESTAMPTZ,
    dispatcher_run_id  UUID,
    failure_reason     TEXT,
    risk_gate_json     JSONB,
    strategy_type      TEXT,
    instrument_type    TEXT,
    features_snapshot  JSONB,
    sentiment_snapshot JSONB,
    created_at         TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS dispatch_executions (
    execution_id       UUID PRIMARY KEY,
    recommendation_id  BIGINT NOT NULL,
    dispatcher_run_id  UUID,
    ticker             TEXT NOT NULL,
    action             TEXT NOT NULL,
    decision_ts        TIMESTAMPTZ,
    simulated_ts       TIMESTAMPTZ,
    entry_price        NUMERIC(18, 8),
    fill_model         TEXT,
    slippage_bps       INTEGER,
    qty                NUMERIC(18, 8),
    notional           NUMERIC(18, 8),
    stop_loss_price    NUMERIC(18, 8),
    take_profit_price  NUMERIC(18, 8),
    max_hold_minutes   INTEGER,
    execution_mode     TEXT,
    explain_json       JSONB NOT NULL,
    risk_json          JSONB NOT NULL,
    sim_json           JSONB NOT NULL,
    instrument_type    TEXT,
    strike_price       NUMERIC(18, 8),
    expiration_date    DATE,
    contracts          INTEGER,
    premium_paid       NUMERIC(18, 8),
    delta              NUMERIC(18, 8),
    theta              NUMERIC(18, 8),
    implied_volatility NUMERIC(18, 8),
    option_symbol      TEXT,
    strategy_type      TEXT,
    features_snapshot  JSONB
);

CREATE TABLE IF NOT EXISTS dispatcher_runs (
    run_id           UUID PRIMARY KEY,
    started_at       TIMESTAMPTZ,
    finished_at      TIMESTAMPTZ,
    pulled_count     BIGINT,
    processed_count  BIGINT,
    simulated_count  BIGINT,
    skipped_count    BIGINT,
    failed_count     BIGINT,
    run_config_json  JSONB,
    run_summary_json JSONB
);
