-- Why: rows and the offset they include move in one transaction, and an event that cannot be applied waits here in its bytes.
SET lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS projection_checkpoints (
    projection  TEXT NOT NULL,
    topic       TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    PRIMARY KEY (projection, topic, partition),
    CONSTRAINT ck_projection_checkpoints_offset CHECK (next_offset >= 0)
);

CREATE TABLE IF NOT EXISTS parked_events (
    projection   TEXT NOT NULL,
    topic        TEXT NOT NULL,
    partition    INTEGER NOT NULL,
    log_offset   BIGINT NOT NULL,
    -- '' where the topic belongs to no account: then the whole topic waits
    account_name VARCHAR(50) NOT NULL,
    event_type   TEXT,
    key          BYTEA,
    value        BYTEA,
    headers      JSONB NOT NULL,
    -- of the event that failed; null on those that only wait behind it
    failure_id   UUID,
    sqlstate     TEXT,
    error        TEXT,
    PRIMARY KEY (projection, topic, partition, log_offset)
);

CREATE INDEX IF NOT EXISTS idx_parked_events_account
    ON parked_events (projection, topic, account_name);
