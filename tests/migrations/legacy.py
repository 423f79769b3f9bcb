"""The tables of the replaced service, as they were, with a thousand executions in them."""

import psycopg

_TABLES = """
CREATE TABLE dispatch_recommendations (
    id BIGSERIAL PRIMARY KEY,
    ts TIMESTAMPTZ NOT NULL DEFAULT now(),
    ticker TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('BUY', 'SELL')),
    confidence DOUBLE PRECISION NOT NULL,
    reason JSONB NOT NULL,
    status TEXT NOT NULL DEFAULT 'PENDING' CHECK (
        status IN (
            'PENDING', 'PROCESSING', 'SIMULATED', 'SKIPPED', 'FAILED', 'EXECUTED', 'CANCELLED'
        )
    ),
    executed_at TIMESTAMPTZ,
    filled_price NUMERIC(18, 8),
    shares NUMERIC(18, 8),
    processed_at TIMESTAMPTZ,
    dispatcher_run_id UUID,
    failure_reason TEXT,
    risk_gate_json JSONB,
    strategy_type TEXT CHECK (strategy_type IN ('day_trade', 'swing_trade', 'conservative')),
    instrument_type TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE dispatcher_runs (
    run_id UUID PRIMARY KEY,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at TIMESTAMPTZ,
    pulled_count INT NOT NULL DEFAULT 0,
    processed_count INT NOT NULL DEFAULT 0,
    simulated_count INT NOT NULL DEFAULT 0,
    skipped_count INT NOT NULL DEFAULT 0,
    failed_count INT NOT NULL DEFAULT 0,
    run_config_json JSONB NOT NULL,
    run_summary_json JSONB
);

CREATE TABLE dispatch_executions (
    execution_id UUID PRIMARY KEY,
    recommendation_id BIGINT NOT NULL REFERENCES dispatch_recommendations (id),
    dispatcher_run_id UUID NOT NULL REFERENCES dispatcher_runs (run_id),
    ticker TEXT NOT NULL,
    action TEXT NOT NULL,
    decision_ts TIMESTAMPTZ NOT NULL,
    simulated_ts TIMESTAMPTZ NOT NULL DEFAULT now(),
    entry_price NUMERIC(18, 8) NOT NULL,
    fill_model TEXT NOT NULL,
    slippage_bps INT NOT NULL,
    qty NUMERIC(18, 8) NOT NULL,
    notional NUMERIC(18, 8) NOT NULL,
    stop_loss_price NUMERIC(18, 8),
    take_profit_price NUMERIC(18, 8),
    max_hold_minutes INT,
    execution_mode TEXT NOT NULL CHECK (
        execution_mode IN ('SIMULATED', 'ALPACA_PAPER', 'SIMULATED_FALLBACK', 'LIVE')
    ),
    explain_json JSONB NOT NULL,
    risk_json JSONB NOT NULL,
    sim_json JSONB NOT NULL,
    instrument_type TEXT DEFAULT 'STOCK',
    strike_price NUMERIC(10, 2),
    expiration_date DATE,
    contracts INT,
    premium_paid NUMERIC(10, 2),
    delta NUMERIC(6, 4),
    theta NUMERIC(6, 4),
    implied_volatility NUMERIC(6, 4),
    option_symbol TEXT,
    strategy_type TEXT,
    CONSTRAINT options_need_strike CHECK (
        instrument_type NOT IN ('CALL', 'PUT')
        OR (strike_price IS NOT NULL AND expiration_date IS NOT NULL)
    )
);
CREATE UNIQUE INDEX uq_executions_recommendation ON dispatch_executions (recommendation_id);

CREATE TABLE active_positions (
    id BIGSERIAL PRIMARY KEY,
    execution_id UUID REFERENCES dispatch_executions (execution_id)
);

CREATE FUNCTION ledger_is_immutable() RETURNS TRIGGER LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is immutable'; END $$;
CREATE TRIGGER immutable_ledger BEFORE UPDATE OR DELETE ON dispatch_executions
FOR EACH ROW EXECUTE FUNCTION ledger_is_immutable();
"""

_ROWS = """
INSERT INTO dispatcher_runs (run_id, run_config_json)
VALUES ('00000000-0000-4000-8000-000000000000', '{}');

INSERT INTO dispatch_recommendations (ticker, action, confidence, reason, status)
SELECT 'MSFT', 'BUY', 0.5, '{}', 'SIMULATED' FROM generate_series(1, 1000);

INSERT INTO dispatch_executions (
    execution_id, recommendation_id, dispatcher_run_id, ticker, action, decision_ts, entry_price,
    fill_model, slippage_bps, qty, notional, execution_mode, explain_json, risk_json, sim_json
)
SELECT
    gen_random_uuid(), n, '00000000-0000-4000-8000-000000000000', 'MSFT', 'BUY_STOCK', now(), 100,
    'close', 5, 10, 1000, 'SIMULATED', '{}', '{}', '{}'
FROM generate_series(1, 1000) AS n;

INSERT INTO active_positions (execution_id) SELECT execution_id FROM dispatch_executions LIMIT 5;
"""

_SOME_WITHOUT_ACCOUNT = """
ALTER TABLE dispatch_executions ADD COLUMN account_name VARCHAR(50) DEFAULT 'large-default';
ALTER TABLE dispatch_executions DISABLE TRIGGER immutable_ledger;
UPDATE dispatch_executions SET account_name = NULL WHERE recommendation_id % 4 = 0;
ALTER TABLE dispatch_executions ENABLE TRIGGER immutable_ledger;
"""


def make_legacy(dsn: str, *, with_account_column: bool) -> None:
    """Create the old tables; with the column, a quarter of the rows names no account."""
    with psycopg.connect(dsn) as connection:
        connection.execute(_TABLES)
        connection.execute(_ROWS)
        if with_account_column:
            connection.execute(_SOME_WITHOUT_ACCOUNT)
