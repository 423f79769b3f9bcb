-- Why: a projector that starts folded each account's whole log before its first event: minutes after a few million.
-- Order: expand
SET lock_timeout = '2s';

-- Disposable, never the truth: what is odd about a row costs time, and a rebuild deletes it.
CREATE TABLE IF NOT EXISTS projection_folds (
    projection  TEXT NOT NULL,
    topic       TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    -- the projector that took the partition up last: nobody else writes what it folds
    kept_by     UUID NOT NULL,
    -- 0 and empty until something is kept
    next_offset BIGINT NOT NULL DEFAULT 0,
    folded_by   TEXT NOT NULL DEFAULT '',
    folded      TEXT NOT NULL DEFAULT '',
    checksum    TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (projection, topic, partition)
);
