"""An account to which much has happened, and what the tables of accounts make of its log."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from events import roles
from events.account import DispatcherStarted
from events.catalog import LogEvent
from projections.accounts import ACCOUNTS
from projections.engine import Engine
from projections.folding import Folds, Kept
from projections.record import Record
from projections.session import Session
from tests.builders import ACCOUNT, NOW, RUN, a_decline, a_halt, an_author, an_opening, an_option
from tests.order_builders import a_fill, an_intent, an_unknown_outcome
from tests.projections.database import run
from tests.projections.driving import Driver, Failures, rows
from tests.projections.past import Remembered
from tests.projections.story import records

TOPIC: Final = f"dispatch.events.{ACCOUNT}"
TABLES: Final = (*ACCOUNTS.tables, "projection_checkpoints", "parked_events")
LIMITS: Final = '{"max_notional_exposure":"10000","max_open_positions":5}'
WINNER: Final = an_intent(1, quantity=10)
OPTION: Final = an_intent(2, quantity=2, price=5, option=an_option())
LATER: Final = an_intent(3, ticker="AAPL", quantity=3, price=50, at=NOW + timedelta(days=1))
POISON: Final = "ALTER TABLE account_state ADD CONSTRAINT poison CHECK (executed_count < 2)"
MENDED: Final = "ALTER TABLE account_state DROP CONSTRAINT poison"


def started(run: int = 0, limits: str = LIMITS) -> DispatcherStarted:
    return DispatcherStarted(
        envelope=an_author().about(
            f"run:{RUN}", roles.started(run), occurred_at=NOW + timedelta(minutes=run)
        ),
        host="trader-1",
        process_id=4711,
        limits=limits,
    )


EVENTFUL: Final[list[LogEvent]] = [
    an_opening(),
    started(),
    WINNER,
    a_fill(WINNER, 4, 99, fees="0.35"),
    OPTION,
    a_fill(OPTION, 2, 6),
    LATER,
    an_unknown_outcome(LATER),
    a_decline(9),
    a_halt(1, "lunch"),
]


def told(events: Sequence[LogEvent]) -> list[Record]:
    return records(TOPIC, events)


def tables(dsn: str) -> dict[str, list[dict[str, Any]]]:
    return {table: rows(dsn, table, "1, 2") for table in ACCOUNTS.tables}


def applied(dsn: str, events: Sequence[LogEvent]) -> dict[str, list[dict[str, Any]]]:
    run(dsn, f"TRUNCATE {', '.join(TABLES)}")
    driver = Driver(dsn, ACCOUNTS)
    driver.apply(told(events))
    driver.close()
    assert driver.failures.heard == []
    return tables(dsn)


def an_engine(
    session: Session, past: Remembered, failures: Failures, kept: Kept | None = None
) -> Engine:
    return Engine(
        ACCOUNTS,
        session,
        record_failure=failures,
        now=lambda: NOW,
        build="test",
        folds=Folds(ACCOUNTS, past, kept),
    )
