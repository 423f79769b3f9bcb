-- Why: NUMERIC(18, 8) rounds a ninth decimal silently; columns get the events' scales, and checks that refuse NaN (NaN > 0 is true).
SET lock_timeout = '5s';

ALTER TABLE dispatch_executions
    ALTER COLUMN entry_price        TYPE NUMERIC(28, 8),
    ALTER COLUMN qty                TYPE NUMERIC(28, 9),
    ALTER COLUMN notional           TYPE NUMERIC(28, 8),
    ALTER COLUMN stop_loss_price    TYPE NUMERIC(28, 8),
    ALTER COLUMN take_profit_price  TYPE NUMERIC(28, 8),
    ALTER COLUMN strike_price       TYPE NUMERIC(28, 8),
    ALTER COLUMN premium_paid       TYPE NUMERIC(28, 8),
    ALTER COLUMN delta              TYPE NUMERIC(28, 9),
    ALTER COLUMN theta              TYPE NUMERIC(28, 9),
    ALTER COLUMN implied_volatility TYPE NUMERIC(28, 9),
    ALTER COLUMN contracts          TYPE BIGINT,
    ALTER COLUMN max_hold_minutes   TYPE BIGINT,
    ALTER COLUMN slippage_bps       TYPE BIGINT;

ALTER TABLE dispatch_executions
    DROP CONSTRAINT IF EXISTS ck_dispatch_executions_numbers;

ALTER TABLE dispatch_executions
    ADD CONSTRAINT ck_dispatch_executions_numbers CHECK (
        entry_price BETWEEN 0 AND 1e12
        AND qty > 0 AND qty <= 1e15
        AND notional BETWEEN 0 AND 1e18
        AND stop_loss_price BETWEEN 0 AND 1e12
        AND take_profit_price BETWEEN 0 AND 1e12
        AND strike_price BETWEEN 0 AND 1e12
        AND premium_paid BETWEEN 0 AND 1e18
        AND delta BETWEEN -1e12 AND 1e12
        AND theta BETWEEN -1e12 AND 1e12
        AND implied_volatility BETWEEN 0 AND 1e12
    );

ALTER TABLE dispatch_recommendations
    ALTER COLUMN confidence TYPE NUMERIC(28, 9);

ALTER TABLE dispatch_recommendations
    DROP CONSTRAINT IF EXISTS ck_dispatch_recommendations_numbers;

ALTER TABLE dispatch_recommendations
    ADD CONSTRAINT ck_dispatch_recommendations_numbers CHECK (
        confidence BETWEEN 0 AND 1
        AND reference_price > 0 AND reference_price <= 1e12
        AND bid > 0 AND bid <= 1e12
        AND ask > 0 AND ask <= 1e12
        AND recent_volatility BETWEEN 0 AND 1e12
        AND vix BETWEEN 0 AND 1e12
        AND stop_loss_price > 0 AND stop_loss_price <= 1e12
        AND take_profit_price > 0 AND take_profit_price <= 1e12
        AND strike_price BETWEEN 0 AND 1e12
    );
