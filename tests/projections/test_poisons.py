"""Forty kinds of poison and more: each parks exactly its account, is refused, or does no harm."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest

from events.codec import Codec
from events.identifiers import AccountName
from events.projection import ProjectionSettled
from events.topics import RECOMMENDATIONS as ADVICE
from projections.accounts import ACCOUNTS
from projections.checkpoints import Partition
from projections.executions import EXECUTIONS
from projections.failures import FAILURES
from projections.folding import Part
from projections.parked import list_parked
from projections.projection import Projection
from projections.recommendations import RECOMMENDATIONS
from projections.record import Record
from projections.retry import Retry
from projections.runs import RUNS
from projections.skip import Skip
from projections.status import STATUS
from projections.verify.catalog import FOLDS
from projections.verify.compare import differences
from tests.projections.database import run
from tests.projections.driving import Driver, rows
from tests.projections.poisons import (
    OF_ORDERS,
    POISONED,
    POISONS,
    LaterSchemas,
    Poison,
    intent,
    reread,
    story,
)
from tests.projections.story import CODEC, NOW, Log, recommendation, record

SQL_FIX = """
ALTER TABLE dispatch_orders DROP CONSTRAINT ck_dispatch_orders_numbers;
ALTER TABLE dispatch_fills DROP CONSTRAINT ck_dispatch_fills_numbers;
ALTER TABLE dispatch_executions DROP CONSTRAINT ck_dispatch_executions_numbers;
ALTER TABLE account_state DROP CONSTRAINT ck_account_state_numbers;
DROP FUNCTION trap CASCADE;
"""
TRAP = """
CREATE FUNCTION trap() RETURNS TRIGGER LANGUAGE plpgsql AS
$$ BEGIN
    IF to_jsonb(NEW) ->> TG_ARGV[0] = 'TRAP' THEN RAISE EXCEPTION 'no traps'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trap BEFORE INSERT ON dispatch_orders
    FOR EACH ROW EXECUTE FUNCTION trap('ticker');
CREATE TRIGGER trap BEFORE INSERT ON recommendation_status
    FOR EACH ROW EXECUTE FUNCTION trap('ticker');
CREATE TRIGGER trap BEFORE INSERT ON dispatcher_runs
    FOR EACH ROW EXECUTE FUNCTION trap('host');
CREATE TRIGGER trap BEFORE INSERT ON dispatch_failures
    FOR EACH ROW EXECUTE FUNCTION trap('error');
CREATE TRIGGER trap BEFORE INSERT ON dispatch_recommendations
    FOR EACH ROW EXECUTE FUNCTION trap('ticker');
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A projection, and the readable poisons that harm it: what they are parked with, the cure."""

    projection: Projection
    reads_orders: bool
    own: Mapping[str, tuple[str, str]]

    def harm(self, poison: Poison) -> tuple[str, str] | None:
        """Return what `poison` is parked with here, and its cure; None where it does no harm."""
        if self.projection is EXECUTIONS:
            return None if poison.parks is None else (poison.parks, poison.cure)
        if poison.name in self.own:
            return self.own[poison.name]
        is_unreadable = story(poison)[0][story(poison)[1]].unreadable is not None
        if not is_unreadable or (poison.name in OF_ORDERS and not self.reads_orders):
            return None
        return "unreadable", poison.cure


PLACES: Final = (
    Place(EXECUTIONS, True, {}),  # noqa: FBT003 -- a column of this table
    Place(STATUS, True, {"refused by a trigger": ("P0001", "sql")}),  # noqa: FBT003
    Place(ACCOUNTS, True, {"quantity overflow": ("23514", "sql")}),  # noqa: FBT003
    Place(
        RUNS,
        False,  # noqa: FBT003
        {"run refused by a trigger": ("P0001", "sql"), "counts overflow": ("22003", "skip")},
    ),
    Place(FAILURES, False, {"failure refused by a trigger": ("P0001", "sql")}),  # noqa: FBT003
)


@dataclass
class Logs:
    """All logs to read once more, without what was skipped."""

    logs: Mapping[str, list[Record]]
    skipped: set[tuple[str, int]] = field(default_factory=set)

    def read(
        self, _projection: str, partition: Partition, start: int, end: int
    ) -> Generator[Part, None, None]:
        topic, _ = partition
        kept = [
            reread(one)
            for one in self.logs[topic][start:end]
            if (topic, one.origin.offset) not in self.skipped
        ]
        yield kept, end


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.projection.name)
def test_each_poison_parks_its_own_account_and_the_cure_lets_it_catch_up_in_order(
    database: str, place: Place
) -> None:
    run(database, TRAP)
    stories = {poison: story(poison) for poison in POISONS}
    harms = {poison: harm for poison in POISONS if (harm := place.harm(poison)) is not None}
    logs = Logs({log[0].origin.topic: log for log, _ in stories.values()})
    driver = Driver(database, place.projection, past=logs)
    longest = max(len(log) for log, _ in stories.values())

    stream = [one for n in range(longest) for log, _ in stories.values() for one in log[n : n + 1]]
    applied = driver.apply(stream)

    assert len(POISONS) >= 40
    assert applied.failed == len(driver.failures.heard) == len(harms)
    with psycopg.connect(database) as connection:
        queues = {queue.topic: queue for queue in list_parked(connection)}
    found = {
        poison.name: (queue.first_offset, queue.sqlstate or "unreadable")
        for poison in POISONS
        if (queue := queues.get(stories[poison][0][0].origin.topic)) is not None
    }
    assert found == {
        poison.name: (stories[poison][1], parks) for poison, (parks, _) in harms.items()
    }
    assert_tables_tell(
        database,
        place.projection,
        [log[:offset] if poison in harms else log for poison, (log, offset) in stories.items()],
    )

    cures = {poison: cure for poison, (_, cure) in harms.items()}
    cured(database, driver, logs, cures, stories)

    assert rows(database, "parked_events") == []
    assert_tables_tell(
        database,
        place.projection,
        [
            [one for one in log if cures.get(poison) != "skip" or one.origin.offset != offset]
            for poison, (log, offset) in stories.items()
        ],
    )
    driver.close()


def assert_tables_tell(database: str, projection: Projection, logs: list[list[Record]]) -> None:
    """Hold the tables against a plain fold of what of the logs can be read."""
    plain = FOLDS[projection.name]()
    for log in logs:
        for one in log:
            event = reread(one).event
            if event is not None:
                plain.take(event, one.origin)
    tables = plain.tables()
    assert tables.keys() == set(projection.tables)
    assert all(tables[table] for table in projection.tables)
    with psycopg.connect(database) as connection:
        for table, expected in tables.items():
            assert list(differences(connection, table, expected)) == []


def cured(
    database: str,
    driver: Driver,
    logs: Logs,
    cures: Mapping[Poison, str],
    stories: Mapping[Poison, tuple[list[Record], int]],
) -> None:
    """Mend what can be mended, skip the rest, and retry each account."""
    settled: list[ProjectionSettled] = []
    projection = driver.engine.projection
    retry = Retry(
        session=driver.session,
        codec=Codec(LaterSchemas()),
        record_failure=driver.failures,
        record_settlement=settled.append,
        now=lambda: NOW,
        by="ann",
        build="test",
        past=logs,
    )
    skip = Skip(session=driver.session, record_settlement=settled.append, now=lambda: NOW, by="ann")
    run(database, SQL_FIX)
    for poison, cure in cures.items():
        log, offset = stories[poison]
        topic = log[0].origin.topic
        before = retry(projection, topic) if cure == "skip" else None
        if before is not None:
            assert (before.applied, before.waiting) == (0, len(log) - offset), poison.name
            skip(projection, topic, offset, "nothing can be made of it")
            logs.skipped.add((topic, offset))
        result = retry(projection, topic)
        assert result.waiting == 0, (poison.name, result.error)
    assert len(settled) == len(cures)


def test_advice_that_no_row_can_be_made_of_holds_up_none_but_what_a_table_refuses_holds_up_all(
    database: str,
) -> None:
    run(database, TRAP)
    values = [log[offset].value for log, offset in map(story, POISONS)]
    good = [CODEC.encode(recommendation(number)) for number in (1, 2, 3)]
    trap = CODEC.encode(recommendation(9, ticker="TRAP"))
    stream = [
        record(ADVICE.name, offset, value)
        for offset, value in enumerate([good[0], *values, good[1], trap, good[2]])
    ]
    driver = Driver(database, RECOMMENDATIONS)

    applied = driver.apply(stream)

    assert (applied.failed, applied.waiting) == (1, 1)
    with psycopg.connect(database) as connection:
        [queue] = list_parked(connection)
    assert (queue.topic, queue.first_offset, queue.sqlstate) == (
        ADVICE.name,
        len(stream) - 2,
        "P0001",
    )
    told = [row["id"] for row in rows(database, "dispatch_recommendations", "id")]
    assert told == [1, 2, POISONED]  # one of the poisons is advice, which is in its place here

    trapped = (stream, len(stream) - 2)
    cured(database, driver, Logs({}), {POISONS[0]: "sql"}, {POISONS[0]: trapped})

    assert rows(database, "parked_events") == []
    told = [row["id"] for row in rows(database, "dispatch_recommendations", "id")]
    assert told == [1, 2, 3, POISONED, 9]
    assert_tables_tell(database, RECOMMENDATIONS, [stream])
    driver.close()


@pytest.mark.parametrize(
    "terms",
    [
        {"quantity": Decimal("NaN")},
        {"quantity": Decimal("sNaN")},
        {"quantity": Decimal("Infinity")},
        {"limit_price": Decimal("-Infinity")},
        {"quantity": Decimal("1e400")},
        {"quantity": Decimal(10) ** 19},
        {"limit_price": Decimal("0.000000001")},
        {"quantity": 1.5},
        {"quantity": None},
        {"quantity": "10"},
        {"multiplier": 2**63},
        {"multiplier": "1"},
        {"ticker": None},
        {"ticker": "\ud800"},
        {"ticker": b"MSFT"},
        {"side": "SIDEWAYS"},
    ],
    ids=str,
)
def test_what_has_no_place_on_the_wire_is_refused_before_it_is_in_a_log(
    terms: dict[str, Any],
) -> None:
    event = intent(Log(AccountName("tiny")), **terms)

    with pytest.raises((ValueError, TypeError, AttributeError, OverflowError)):
        CODEC.encode(event)
