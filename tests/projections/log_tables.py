"""The tables that are told from accounts' logs, as they are after some batches."""

from collections.abc import Sequence
from typing import Any, Final

import psycopg

from projections.catalog import PROJECTIONS
from projections.projection import Projection
from projections.record import Record
from tests.projections.driving import Driver, after, rows

LOGS: Final = tuple(projection for projection in PROJECTIONS if projection.reads_logs)
EVENT_BY_EVENT: Final = tuple(projection for projection in LOGS if projection.folding is None)
"""Those that sum nothing up, so that no event needs the ones before it."""
TABLES: Final = [table for projection in LOGS for table in projection.tables]
ENGINE_TABLES: Final = ["projection_checkpoints", "parked_events"]

Tables = dict[str, list[dict[str, Any]]]


def emptied(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(f"TRUNCATE {', '.join(TABLES + ENGINE_TABLES)}".encode())


def tables(dsn: str) -> Tables:
    return {
        table: sorted((dict(row) for row in rows(dsn, table, "1")), key=repr) for table in TABLES
    }


def applied(
    dsn: str,
    batches: Sequence[Sequence[Record]],
    projections: Sequence[Projection] = LOGS,
) -> Tables:
    emptied(dsn)
    for projection in projections:
        driver = Driver(dsn, projection)
        driver.begin(record for batch in batches for record in batch)
        for batch in batches:
            driver.engine.apply(batch, after(batch))
        driver.close()
        assert driver.failures.heard == []
    return tables(dsn)
