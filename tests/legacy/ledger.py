"""The replaced service's ledger in small, one row as plain as the next, and how tests change it."""

from collections.abc import Callable
from typing import LiteralString

import psycopg

from tests.migrations.legacy import make_legacy

ROWS = 1000

_IN_THE_ORDER_OF_THEIR_IDS = """
ALTER TABLE dispatch_executions DISABLE TRIGGER immutable_ledger;
UPDATE dispatch_executions SET
    decision_ts = TIMESTAMPTZ '2024-01-02 15:00:00+00' + recommendation_id * INTERVAL '1 minute',
    simulated_ts = TIMESTAMPTZ '2024-01-02 15:00:01+00' + recommendation_id * INTERVAL '1 minute',
    entry_price = 100.00000001 * recommendation_id,
    notional = 1000.00000010 * recommendation_id;
"""


def old_ledger_of(
    make_database: Callable[..., str], *changes: LiteralString, with_account_column: bool = True
) -> str:
    """Return the DSN of an old database: a quarter of 1000 rows names no account, if any can."""
    dsn = make_database()
    make_legacy(dsn, with_account_column=with_account_column)
    change(dsn, _IN_THE_ORDER_OF_THEIR_IDS, *changes)
    return dsn


def change(dsn: str, *statements: LiteralString) -> None:
    """Change what stands in an old database."""
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement)
