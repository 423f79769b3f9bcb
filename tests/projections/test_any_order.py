"""Whatever the batches, whatever is redelivered, whatever the order: the tables are the same."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.identifiers import AccountName, Leg
from events.order import Side
from projections.apply import FEW, merge, render, rows_of
from projections.catalog import PROJECTIONS
from projections.projection import Projection
from projections.record import Record
from projections.session import Session
from tests.projections.driving import Driver, after, rows
from tests.projections.story import Log

LOGS: Final = tuple(projection for projection in PROJECTIONS if projection.reads_logs)
EVENT_BY_EVENT: Final = tuple(projection for projection in LOGS if projection.folding is None)
"""Those that sum nothing up, so that no event needs the ones before it."""
TABLES: Final = [table for projection in LOGS for table in projection.tables]
ENGINE_TABLES: Final = ["projection_checkpoints", "parked_events"]

Tables = dict[str, list[dict[str, Any]]]


def partly_then_wholly(log: Log, number: int) -> None:
    log.intended(number)
    log.filled(number, "4", "100")
    log.accepted(number)
    log.filled(number, "6", "101.5", before=("4", "400"))


def partly_then_canceled(log: Log, number: int) -> None:
    log.intended(number)
    log.unknown(number)
    log.accepted(number)
    log.filled(number, "3", "99")
    log.canceled(number, filled="3")


def failed_before_an_order(log: Log, number: int) -> None:
    log.failed(number)


def failed_with_an_order(log: Log, number: int) -> None:
    log.intended(number)
    log.unknown(number)
    log.failed(number, order=True)


def rejected(log: Log, number: int) -> None:
    log.intended(number)
    log.rejected(number)


def declined(log: Log, number: int) -> None:
    log.declined(number)


def closed_at_its_target(log: Log, number: int) -> None:
    log.bracketed(number)
    for leg in (Leg.ENTRY, Leg.STOP, Leg.TARGET):
        log.accepted(number, leg=leg)
    log.filled(number, "10", "100")
    log.filled(number, "10", "104", leg=Leg.TARGET, side=Side.SELL)


def a_run_and_an_incident(log: Log, _: int) -> None:
    log.started()
    log.incident()
    log.stopped()


def imported_from_the_old_ledger(log: Log, number: int) -> None:
    log.imported(number)


LIVES: Final[list[Callable[[Log, int], None]]] = [
    partly_then_wholly,
    partly_then_canceled,
    failed_before_an_order,
    failed_with_an_order,
    rejected,
    declined,
    closed_at_its_target,
    a_run_and_an_incident,
    imported_from_the_old_ledger,
]


@st.composite
def logs(draw: st.DrawFn, account: AccountName) -> Log:
    """An account's log; some events stand in it twice, as a bug or a crash would leave them."""
    log = Log(account)
    for number, life in enumerate(draw(st.lists(st.sampled_from(LIVES), max_size=5)), 1):
        life(log, number)
    if log.events:
        log.events.extend(draw(st.lists(st.sampled_from(log.events), max_size=3)))
    return log


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    """Two accounts' logs."""
    both = [draw(logs(AccountName("tiny"))), draw(logs(AccountName("large")))]
    return [record for log in both for record in log.records()]


@pytest.fixture(scope="module")
def dsn(make_database: Callable[..., str], migrated_template: str) -> str:
    return make_database(migrated_template)


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


def merged(dsn: str, batches: Sequence[Sequence[Record]]) -> Tables:
    """Merge without checkpoints, so that nothing keeps the log's order."""
    emptied(dsn)
    session = Session(dsn)
    for projection in EVENT_BY_EVENT:
        connection = session.connection(projection.stages)
        with connection.transaction():
            for batch in batches:
                merge(connection, projection, render(projection, all_rows(projection, batch)))
    session.close()
    return tables(dsn)


def all_rows(projection: Projection, batch: Sequence[Record]) -> list[Any]:
    return [row for record in batch for row in rows_of(projection, record)]


def cut(draw: Callable[[Any], Any], stream: list[Record]) -> list[list[Record]]:
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=6)) | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(cuts)]


@settings(max_examples=30)
@given(st.data())
def test_rows_are_the_same_however_batches_are_cut_and_redelivered(
    dsn: str, data: st.DataObject
) -> None:
    stream = data.draw(records())
    batches = cut(data.draw, stream)
    again = [data.draw(st.booleans()) for _ in batches]
    redelivered = [
        batch
        for number, twice in enumerate(again)
        for batch in (batches[max(0, number - 1) : number + 1] if twice else [batches[number]])
    ]

    assert applied(dsn, redelivered) == applied(dsn, [stream])


@settings(max_examples=30)
@given(st.data())
def test_rows_are_the_same_in_whatever_order_they_are_merged(dsn: str, data: st.DataObject) -> None:
    stream = data.draw(records())
    shuffled = cut(data.draw, list(data.draw(st.permutations(stream))))

    assert merged(dsn, shuffled) == applied(dsn, [stream], EVENT_BY_EVENT)


def test_fills_that_were_told_in_a_batch_before_their_order_count_when_it_comes(dsn: str) -> None:
    """They break no key of the order's: without a question beforehand it would come unfilled."""
    log = Log(AccountName("tiny"))
    log.filled(1, "4", "100")
    log.intended(1)
    log.filled(1, "6", "101.5", before=("4", "400"))
    fill, *rest = log.records()

    apart = applied(dsn, [[fill], rest], EVENT_BY_EVENT)

    [order], [execution] = apart["dispatch_orders"], apart["dispatch_executions"]
    assert (order["filled_quantity"], execution["qty"], execution["notional"]) == (10, 10, 1009)
    assert execution["simulated_ts"] == log.events[0].filled_at  # type: ignore[union-attr] # it is a fill
    assert apart == merged(dsn, [log.records()])


@settings(max_examples=30)
@given(st.data())
def test_rows_that_are_finished_without_a_merge_are_those_of_the_merges(
    dsn: str, data: st.DataObject
) -> None:
    """Whatever a log says in whatever order: fills before their intents, too."""
    log = data.draw(logs(AccountName("tiny")))
    log.events = list(data.draw(st.permutations(log.events)))
    stream = log.records()

    assert applied(dsn, cut(data.draw, stream), EVENT_BY_EVENT) == merged(dsn, [stream])


def test_rows_that_are_told_and_rows_that_are_staged_come_out_alike(dsn: str) -> None:
    # given: an account that lived through everything, so often that its rows are many
    log = Log(AccountName("tiny"))
    for number in range(1, 10 * FEW):
        LIVES[number % len(LIVES)](log, number)
    stream = log.records()
    few = [stream[start : start + FEW // 5] for start in range(0, len(stream), FEW // 5)]
    for projection in EVENT_BY_EVENT:
        many = render(projection, all_rows(projection, stream))
        assert all(isinstance(text, bytes) for text in many.values())
        assert not any(
            isinstance(text, bytes)
            for batch in few
            for text in render(projection, all_rows(projection, batch)).values()
        )

    # when / then
    assert merged(dsn, few) == merged(dsn, [stream])
