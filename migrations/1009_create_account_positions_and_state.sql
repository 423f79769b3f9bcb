-- Why: what an account holds, owes and may still do is asked for more often than anything else, and nobody should have to sum up executions for it.
SET lock_timeout = '5s';

-- One row for each symbol that is held; what is no longer held has none.
CREATE TABLE IF NOT EXISTS account_positions (
    account_name    VARCHAR(50) NOT NULL,
    symbol          TEXT NOT NULL,
    ticker          TEXT NOT NULL,
    instrument_type TEXT NOT NULL,
    multiplier      BIGINT NOT NULL,
    -- signed: below 0 it is a short holding, and so is its cost
    quantity        NUMERIC(28, 9) NOT NULL,
    cost            NUMERIC(28, 8) NOT NULL,
    average_price   NUMERIC(28, 8) NOT NULL,
    -- null as long as the account's log names no price
    last_price      NUMERIC(28, 8),
    market_value    NUMERIC(28, 8),
    open_pnl        NUMERIC(28, 8),
    -- of the event that changed the holding last; a price alone does not
    log_offset      BIGINT NOT NULL,
    PRIMARY KEY (account_name, symbol),
    CONSTRAINT ck_account_positions_numbers CHECK (
        multiplier > 0
        AND quantity <> 0 AND quantity BETWEEN -1e15 AND 1e15
        AND cost BETWEEN -1e18 AND 1e18
        AND average_price BETWEEN -1e18 AND 1e18
        AND last_price BETWEEN -1e12 AND 1e12
        AND market_value BETWEEN -1e18 AND 1e18
        AND open_pnl BETWEEN -1e18 AND 1e18
    )
);

CREATE INDEX IF NOT EXISTS idx_account_positions_ticker
    ON account_positions (ticker, account_name);

CREATE TABLE IF NOT EXISTS account_state (
    account_name               VARCHAR(50) PRIMARY KEY,
    -- from AccountOpened
    mode                       TEXT,
    opened_at                  TIMESTAMPTZ,
    trading_status             TEXT NOT NULL,
    -- null as long as nobody has halted, reduced or resumed it
    trading_since              TIMESTAMPTZ,
    trading_by                 TEXT,
    trading_reason             TEXT,
    -- limits: used, and allowed by the run that took the seat last
    open_position_count        BIGINT NOT NULL,
    max_open_positions         BIGINT,
    exposure                   NUMERIC(28, 8) NOT NULL,
    max_notional_exposure      NUMERIC(28, 8),
    -- exposure is what holdings cost, and what open orders may yet cost
    held_cost                  NUMERIC(28, 8) NOT NULL,
    reserved                   NUMERIC(28, 8) NOT NULL,
    peak_exposure              NUMERIC(28, 8) NOT NULL,
    -- the New York day of the last event, and the recommendations first filled on it
    exchange_day               DATE NOT NULL,
    executions_on_exchange_day BIGINT NOT NULL,
    cash                       NUMERIC(28, 8) NOT NULL,
    fees                       NUMERIC(28, 8) NOT NULL,
    realised_pnl               NUMERIC(28, 8) NOT NULL,
    -- at the prices seen last
    open_pnl                   NUMERIC(28, 8) NOT NULL,
    -- equity now, less equity before the first event about a recommendation on exchange_day
    day_pnl                    NUMERIC(28, 8) NOT NULL,
    equity                     NUMERIC(28, 8) NOT NULL,
    open_order_count           BIGINT NOT NULL,
    -- of these, the ones of which nobody knows yet if the broker has them
    unresolved_order_count     BIGINT NOT NULL,
    decided_count              BIGINT NOT NULL,
    executed_count             BIGINT NOT NULL,
    declined_count             BIGINT NOT NULL,
    rejected_count             BIGINT NOT NULL,
    expired_count              BIGINT NOT NULL,
    failed_count               BIGINT NOT NULL,
    incident_count             BIGINT NOT NULL,
    -- from the DispatcherStarted of the run that took the seat last
    dispatcher_run_id          UUID,
    started_at                 TIMESTAMPTZ,
    build                      TEXT,
    config_hash                TEXT,
    limits                     JSONB,
    next_recommendation_offset BIGINT NOT NULL,
    -- the row is as of this event; the latest time that any event up to it names
    log_offset                 BIGINT NOT NULL,
    last_event_at              TIMESTAMPTZ NOT NULL,
    CONSTRAINT ck_account_state_known CHECK (trading_status IN ('ACTIVE', 'REDUCED', 'HALTED')),
    CONSTRAINT ck_account_state_numbers CHECK (
        exposure BETWEEN 0 AND 1e18
        AND max_notional_exposure BETWEEN 0 AND 1e18
        AND held_cost BETWEEN 0 AND 1e18
        AND reserved BETWEEN 0 AND 1e18
        AND peak_exposure BETWEEN 0 AND 1e18
        AND cash BETWEEN -1e18 AND 1e18
        AND fees BETWEEN -1e18 AND 1e18
        AND realised_pnl BETWEEN -1e18 AND 1e18
        AND open_pnl BETWEEN -1e18 AND 1e18
        AND day_pnl BETWEEN -1e18 AND 1e18
        AND equity BETWEEN -1e18 AND 1e18
    ),
    CONSTRAINT ck_account_state_counts CHECK (
        open_position_count >= 0
        AND executions_on_exchange_day BETWEEN 0 AND executed_count
        AND unresolved_order_count BETWEEN 0 AND open_order_count
        AND executed_count >= 0
        AND declined_count >= 0
        AND rejected_count >= 0
        AND expired_count >= 0
        AND failed_count >= 0
        AND incident_count >= 0
    )
);
