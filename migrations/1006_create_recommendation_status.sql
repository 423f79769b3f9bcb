-- Why: one recommendation ends once for every account, so its status stands beside the account and not on the advice.
SET lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS recommendation_status (
    recommendation_id BIGINT NOT NULL,
    account_name      VARCHAR(50) NOT NULL,
    status            TEXT NOT NULL DEFAULT 'pending',
    status_at         TIMESTAMPTZ,
    status_offset     BIGINT,
    status_precedence BIGINT,
    failure_reason    TEXT,
    client_order_id   TEXT,
    -- from the decision
    ticker            TEXT,
    action            TEXT,
    instrument_type   TEXT,
    strategy_type     TEXT,
    decided_at        TIMESTAMPTZ,
    decision_offset   BIGINT,
    declined_by       JSONB,
    gates             JSONB,
    dispatcher_run_id UUID,
    PRIMARY KEY (recommendation_id, account_name),
    CONSTRAINT ck_recommendation_status_known CHECK (
        status IN (
            'pending', 'accepted', 'unresolved',
            'executed', 'declined', 'rejected', 'expired', 'failed'
        )
    )
);

CREATE INDEX IF NOT EXISTS idx_recommendation_status_account
    ON recommendation_status (account_name, status);
