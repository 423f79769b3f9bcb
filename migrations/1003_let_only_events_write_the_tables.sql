-- Why: from here on every row is folded from the log, in any order, for an account that is named; nothing else may write or refuse one.
SET lock_timeout = '5s';

-- What the replaced service enforced (its status machine, foreign keys in the order it wrote, one
-- execution per recommendation whatever the account, clocks and sequences of the database) would
-- refuse or change rows that events stand behind.
DO $$
DECLARE
    found RECORD;
    ours  REGCLASS[] := ARRAY['dispatch_recommendations', 'dispatch_executions', 'dispatcher_runs'];
BEGIN
    FOR found IN
        SELECT conrelid::REGCLASS AS on_table, conname AS name
        FROM pg_constraint
        WHERE conrelid <> 0
          AND conname NOT IN ('ck_dispatch_executions_numbers', 'ck_dispatch_recommendations_numbers')
          AND (
              (contype IN ('c', 'x') AND conrelid = ANY (ours))
              OR (contype = 'u' AND conrelid = ANY (ours))
              OR (contype = 'p' AND conrelid = 'dispatcher_runs'::REGCLASS)
              OR (contype = 'f' AND (conrelid = ANY (ours) OR confrelid = ANY (ours)))
          )
        ORDER BY contype <> 'f'  -- foreign keys lean on the keys they point at
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.on_table, found.name);
    END LOOP;

    FOR found IN
        SELECT indexrelid::REGCLASS AS name
        FROM pg_index
        WHERE indrelid = ANY (ours)
          AND indisunique
          AND NOT indisprimary
          AND indexrelid::REGCLASS::TEXT NOT IN (
              'uq_dispatch_executions_recommendation_account', 'uq_dispatcher_runs_account_run'
          )
    LOOP
        EXECUTE format('DROP INDEX %s', found.name);
    END LOOP;

    FOR found IN
        SELECT tgrelid::REGCLASS AS on_table, tgname AS name
        FROM pg_trigger
        WHERE tgrelid = ANY (ours) AND NOT tgisinternal
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.name, found.on_table);
    END LOOP;

    FOR found IN
        SELECT attrelid::REGCLASS AS on_table, attname AS name, attidentity <> '' AS is_identity
        FROM pg_attribute
        WHERE attrelid = ANY (ours)
          AND attnum > 0
          AND NOT attisdropped
          AND attgenerated = ''
          AND (atthasdef OR attidentity <> '')
    LOOP
        IF found.is_identity THEN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY', found.on_table, found.name);
        ELSE
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', found.on_table, found.name);
        END IF;
    END LOOP;

    FOR found IN
        SELECT attrelid::REGCLASS AS on_table, attname AS name
        FROM pg_attribute
        WHERE attrelid = ANY (ours)
          AND attnum > 0
          AND NOT attisdropped
          AND attnotnull
          AND attnum <> ALL (
              SELECT unnest(indkey) FROM pg_index WHERE indrelid = attrelid AND indisprimary
          )
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', found.on_table, found.name);
    END LOOP;
END
$$;

-- Rows without an event behind them stay readable, as they were, beside the tables.
CREATE TABLE IF NOT EXISTS dispatch_executions_legacy (LIKE dispatch_executions);
CREATE TABLE IF NOT EXISTS dispatch_recommendations_legacy (LIKE dispatch_recommendations);
CREATE TABLE IF NOT EXISTS dispatcher_runs_legacy (LIKE dispatcher_runs);

WITH moved AS (DELETE FROM dispatch_executions WHERE log_offset IS NULL RETURNING *)
INSERT INTO dispatch_executions_legacy SELECT * FROM moved;

WITH moved AS (DELETE FROM dispatch_recommendations WHERE log_offset IS NULL RETURNING *)
INSERT INTO dispatch_recommendations_legacy SELECT * FROM moved;

WITH moved AS (
    DELETE FROM dispatcher_runs WHERE log_offset IS NULL AND stopped_offset IS NULL RETURNING *
)
INSERT INTO dispatcher_runs_legacy SELECT * FROM moved;

ALTER TABLE dispatch_executions
    ALTER COLUMN account_name SET NOT NULL,
    ALTER COLUMN recommendation_id SET NOT NULL,
    ALTER COLUMN log_offset SET NOT NULL;

ALTER TABLE dispatch_recommendations
    ALTER COLUMN log_offset SET NOT NULL;

ALTER TABLE dispatcher_runs
    ALTER COLUMN account_name SET NOT NULL,
    ALTER COLUMN run_id SET NOT NULL;

CREATE UNIQUE INDEX IF NOT EXISTS uq_dispatch_executions_recommendation_account
    ON dispatch_executions (recommendation_id, account_name);

-- A run's id is chosen by its dispatcher: one account's choice must not touch another's row.
CREATE UNIQUE INDEX IF NOT EXISTS uq_dispatcher_runs_account_run
    ON dispatcher_runs (account_name, run_id);
