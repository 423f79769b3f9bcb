-- Why: what went wrong, and where, has to be found in one place, the bytes that nobody could read included.
SET lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS dispatch_failures (
    event_id          UUID PRIMARY KEY,
    kind              TEXT NOT NULL,
    account_name      VARCHAR(50),
    recommendation_id BIGINT,
    client_order_id   TEXT,
    ticker            TEXT,
    stage             TEXT,
    code              TEXT,
    error             TEXT,
    occurred_at       TIMESTAMPTZ,
    dispatcher_run_id UUID,
    build             TEXT,
    log_topic         TEXT,
    log_offset        BIGINT,
    -- of a projection's failure: the event that could not be applied, and how that was settled
    projection        TEXT,
    failed_topic      TEXT,
    failed_partition  BIGINT,
    failed_offset     BIGINT,
    settlement        TEXT,
    settled_at        TIMESTAMPTZ,
    settled_by        TEXT,
    settled_reason    TEXT,
    settled_offset    BIGINT,
    CONSTRAINT ck_dispatch_failures_known CHECK (
        kind IN (
            'recommendation_failed', 'order_rejected', 'command_refused',
            'incident', 'projection_failed'
        )
    )
);

CREATE INDEX IF NOT EXISTS idx_dispatch_failures_account
    ON dispatch_failures (account_name, occurred_at);

CREATE TABLE IF NOT EXISTS dead_letters (
    log_topic        TEXT NOT NULL,
    log_partition    INTEGER NOT NULL,
    log_offset       BIGINT NOT NULL,
    account_name     TEXT,
    reason           TEXT,
    error            TEXT,
    source_topic     TEXT,
    source_partition BIGINT,
    source_offset    BIGINT,
    refused_at       TIMESTAMPTZ,
    key              BYTEA,
    value            BYTEA,
    headers          JSONB NOT NULL,
    PRIMARY KEY (log_topic, log_partition, log_offset)
);

CREATE INDEX IF NOT EXISTS idx_dead_letters_source
    ON dead_letters (source_topic, source_partition, source_offset);
