-- Why: a row needs to say which event of the log it stands at, and tables from before 008 lack columns that it fills.
SET lock_timeout = '5s';

ALTER TABLE dispatch_executions
    ADD COLUMN IF NOT EXISTS instrument_type    TEXT,
    ADD COLUMN IF NOT EXISTS strike_price       NUMERIC(18, 8),
    ADD COLUMN IF NOT EXISTS expiration_date    DATE,
    ADD COLUMN IF NOT EXISTS contracts          INTEGER,
    ADD COLUMN IF NOT EXISTS premium_paid       NUMERIC(18, 8),
    ADD COLUMN IF NOT EXISTS delta              NUMERIC(18, 8),
    ADD COLUMN IF NOT EXISTS theta              NUMERIC(18, 8),
    ADD COLUMN IF NOT EXISTS implied_volatility NUMERIC(18, 8),
    ADD COLUMN IF NOT EXISTS option_symbol      TEXT,
    ADD COLUMN IF NOT EXISTS strategy_type      TEXT,
    ADD COLUMN IF NOT EXISTS features_snapshot  JSONB,
    ADD COLUMN IF NOT EXISTS log_offset         BIGINT;

ALTER TABLE dispatch_recommendations
    ADD COLUMN IF NOT EXISTS instrument_type    TEXT,
    ADD COLUMN IF NOT EXISTS features_snapshot  JSONB,
    ADD COLUMN IF NOT EXISTS sentiment_snapshot JSONB,
    ADD COLUMN IF NOT EXISTS created_at         TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS run_id             UUID,
    ADD COLUMN IF NOT EXISTS bar_at             TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS features_at        TIMESTAMPTZ,
    ADD COLUMN IF NOT EXISTS reference_price    NUMERIC(28, 8),
    ADD COLUMN IF NOT EXISTS bid                NUMERIC(28, 8),
    ADD COLUMN IF NOT EXISTS ask                NUMERIC(28, 8),
    ADD COLUMN IF NOT EXISTS recent_volatility  NUMERIC(28, 9),
    ADD COLUMN IF NOT EXISTS vix                NUMERIC(28, 9),
    ADD COLUMN IF NOT EXISTS stop_loss_price    NUMERIC(28, 8),
    ADD COLUMN IF NOT EXISTS take_profit_price  NUMERIC(28, 8),
    ADD COLUMN IF NOT EXISTS max_hold_minutes   BIGINT,
    ADD COLUMN IF NOT EXISTS option_symbol      TEXT,
    ADD COLUMN IF NOT EXISTS strike_price       NUMERIC(28, 8),
    ADD COLUMN IF NOT EXISTS expiration_date    DATE,
    ADD COLUMN IF NOT EXISTS option_json        JSONB,
    ADD COLUMN IF NOT EXISTS log_offset         BIGINT;

ALTER TABLE dispatcher_runs
    ADD COLUMN IF NOT EXISTS account_name   VARCHAR(50),
    ADD COLUMN IF NOT EXISTS host           TEXT,
    ADD COLUMN IF NOT EXISTS process_id     BIGINT,
    ADD COLUMN IF NOT EXISTS build          TEXT,
    ADD COLUMN IF NOT EXISTS config_hash    TEXT,
    ADD COLUMN IF NOT EXISTS intended_count BIGINT,
    ADD COLUMN IF NOT EXISTS stop_reason    TEXT,
    ADD COLUMN IF NOT EXISTS log_offset     BIGINT,
    ADD COLUMN IF NOT EXISTS stopped_offset BIGINT;
