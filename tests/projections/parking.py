"""Accounts with an event among others that a table refuses, and an engine that meets it."""

from collections.abc import Iterator
from contextlib import contextmanager

from events.identifiers import AccountName
from projections.executions import EXECUTIONS
from tests.projections.database import run
from tests.projections.driving import Driver, rows
from tests.projections.story import Log

REFUSE_POISON = """
ALTER TABLE dispatch_orders ADD CONSTRAINT no_poison CHECK (ticker <> 'POISON')
"""
ACCEPT_POISON = "ALTER TABLE dispatch_orders DROP CONSTRAINT no_poison"


@contextmanager
def refusing(dsn: str) -> Iterator[Driver]:
    """Yield an engine whose orders' table refuses poison."""
    run(dsn, REFUSE_POISON)
    driver = Driver(dsn, EXECUTIONS)
    yield driver
    driver.close()


def executed(dsn: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows(dsn, "dispatch_executions", "account_name, recommendation_id"):
        found.setdefault(row["account_name"], []).append(row["recommendation_id"])
    return found


def traded(account: str, *tickers: str) -> Log:
    log = Log(AccountName(account))
    for number, ticker in enumerate(tickers, 1):
        log.intended(number, ticker=ticker)
        log.filled(number, "10", "100", ticker=ticker)
    return log
