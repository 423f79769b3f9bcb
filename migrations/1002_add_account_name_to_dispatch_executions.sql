-- Why: executions of several accounts stand in one table, so each row has to say whose it is.
SET lock_timeout = '5s';

ALTER TABLE dispatch_executions
    ADD COLUMN IF NOT EXISTS account_name VARCHAR(50) DEFAULT 'large-default';

CREATE INDEX IF NOT EXISTS idx_dispatch_executions_account_name
    ON dispatch_executions (account_name);

CREATE INDEX IF NOT EXISTS idx_dispatch_executions_date_account
    ON dispatch_executions (simulated_ts, account_name);
