-- Why: what the replaced service executed is in the logs once it is imported, and whoever asks for history wants both.
-- Order: expand
SET lock_timeout = '2s';

-- Apart from dispatch_executions: these are no trades of ours, and no count, limit or P&L goes by them.
CREATE TABLE IF NOT EXISTS legacy_executions (
    account_name             VARCHAR(50) NOT NULL,
    execution_id             UUID NOT NULL,
    legacy_account_name      TEXT,
    -- the replaced service counted recommendations in numbers of its own
    legacy_recommendation_id BIGINT,
    ticker                   TEXT NOT NULL,
    action                   TEXT NOT NULL,
    instrument_type          TEXT NOT NULL,
    side                     TEXT NOT NULL,
    decision_ts              TIMESTAMPTZ,
    simulated_ts             TIMESTAMPTZ,
    entry_price              NUMERIC(28, 8) NOT NULL,
    qty                      NUMERIC(28, 9) NOT NULL,
    notional                 NUMERIC(28, 8) NOT NULL,
    execution_mode           TEXT NOT NULL,
    row_json                 JSONB NOT NULL,
    imported_at              TIMESTAMPTZ NOT NULL,
    log_offset               BIGINT NOT NULL,
    PRIMARY KEY (account_name, execution_id),
    CONSTRAINT ck_legacy_executions_numbers CHECK (
        entry_price BETWEEN 0 AND 1e20
        AND qty BETWEEN 0 AND 1e19
        AND notional BETWEEN 0 AND 1e20
    )
);

CREATE INDEX IF NOT EXISTS idx_legacy_executions_date_account
    ON legacy_executions (simulated_ts, account_name);

-- Executions of ours and of the replaced service, told apart by `imported`.
CREATE OR REPLACE VIEW dispatch_views.execution_history AS
SELECT
    account_name, recommendation_id, executed_at, decided_at, ticker, action, instrument_type,
    quantity, entry_price, notional, execution_mode, execution_id, FALSE AS imported, log_offset
FROM dispatch_views.executions
UNION ALL
SELECT
    account_name, legacy_recommendation_id, simulated_ts, decision_ts, ticker, action,
    instrument_type, qty, entry_price, notional, execution_mode, execution_id, TRUE, log_offset
FROM legacy_executions;
