"""An engine on a real database, and what its tables say."""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from events.projection import ProjectionFailed
from projections.engine import Applied, Engine
from projections.folding import Folds, Past
from projections.projection import Projection
from projections.record import Record
from projections.session import Session
from tests.projections.story import NOW


class Failures:
    """Stands where `projection.failures` stands: remembers, and can be told to refuse."""

    def __init__(self) -> None:
        self.heard: list[ProjectionFailed] = []
        self.refuses = False

    def __call__(self, failure: ProjectionFailed) -> None:
        if self.refuses:
            raise ConnectionError("no acknowledgement within 5 s")
        self.heard.append(failure)


class Driver:
    """One projection's engine, its failures, and shortcuts to feed it."""

    def __init__(
        self,
        dsn: str,
        projection: Projection,
        failures: Failures | None = None,
        past: Past | None = None,
    ) -> None:
        self.failures = failures or Failures()
        self.session = Session(dsn, by_keys=True)
        self.engine = Engine(
            projection,
            self.session,
            record_failure=self.failures,
            now=lambda: NOW,
            build="test",
            folds=Folds(projection, past),
        )

    def begin(self, records: Iterable[Record]) -> None:
        for topic in sorted({record.origin.topic for record in records}):
            self.engine.begin((topic, 0), 0)

    def apply(self, records: Sequence[Record]) -> Applied:
        self.begin(records)
        return self.engine.apply(records, after(records))

    def close(self) -> None:
        self.session.close()


def after(records: Iterable[Record]) -> dict[tuple[str, int], int]:
    ends: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.origin.topic, record.origin.partition)
        ends[place] = max(ends.get(place, 0), record.origin.offset + 1)
    return ends


def rows(dsn: str, table: str, order: str = "1, 2, 3") -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        query = sql.SQL("SELECT * FROM {} ORDER BY {}").format(
            sql.Identifier(table), sql.SQL(order)
        )
        return connection.execute(query).fetchall()


def fold(dsn: str, projection: Projection, records: Sequence[Record]) -> Driver:
    driver = Driver(dsn, projection)
    driver.apply(records)
    driver.close()
    return driver
