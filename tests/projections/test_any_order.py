"""Whatever the batches, whatever is redelivered, whatever the order: the tables are the same."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.identifiers import AccountName
from projections.apply import FEW, merge, render, rows_of
from projections.projection import Projection
from projections.record import Record
from projections.session import Session
from tests.projections.lives import LIVES, cut, logs, records
from tests.projections.log_tables import EVENT_BY_EVENT, Tables, applied, emptied, tables
from tests.projections.story import Log


@pytest.fixture(scope="module")
def dsn(make_database: Callable[..., str], migrated_template: str) -> str:
    return make_database(migrated_template)


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
