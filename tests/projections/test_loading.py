"""Tables loaded without a merge are those that the engine fills, however the log is cut."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row

from events.identifiers import AccountName
from projections.accounts import ACCOUNTS
from projections.apply import rows_of
from projections.bulk import BulkLoad
from projections.checkpoints import begin
from projections.executions import EXECUTIONS
from projections.finished_orders import OrdersFinisher
from projections.projection import Projection
from projections.record import Record
from projections.session import Session
from projections.shadow import Shadow
from projections.shadow_tables import left_of, shadow_schema
from tests.projections.driving import after
from tests.projections.lives import cut, partly_then_wholly, records
from tests.projections.log_tables import EVENT_BY_EVENT, LOGS, applied
from tests.projections.story import Log

SWEEP: Final = bool(os.environ.get("DISPATCHER_TEST_SWEEP"))


@pytest.fixture(scope="module")
def dsn(make_database: Callable[..., str], migrated_template: str) -> str:
    return make_database(migrated_template)


def loaded(
    dsn: str, projection: Projection, batches: Sequence[Sequence[Record]], dies: Sequence[bool]
) -> dict[str, list[dict[str, Any]]]:
    """Load stretch by stretch; where it `dies` after one, another goes on from its checkpoint."""
    shadow = Shadow(dsn, projection)
    shadow.open("this", anew=True)
    session = Session(dsn)
    places = sorted(after(record for batch in batches for record in batch))
    for place in places:
        begin(shadow.session.connection(), projection.name, place, 0)
        load = BulkLoad(session, projection, place, 0)
        for batch, died in zip(batches, dies, strict=True):
            mine = [one for one in batch if (one.origin.topic, one.origin.partition) == place]
            for record in mine:
                load.add(record)
            load.write(after(mine).get(place, load.at))
            if died and projection in EVENT_BY_EVENT:
                load = BulkLoad(session, projection, place, load.at)
        load.end(after(record for batch in batches for record in batch)[place])
    shadow.finish_loading()
    found = {table: content(dsn, projection, table) for table in projection.tables}
    session.close()
    shadow.close()
    return found


def content(dsn: str, projection: Projection, table: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        name = sql.Identifier(shadow_schema(projection), table)
        return sorted(connection.execute(sql.SQL("SELECT * FROM {}").format(name)), key=repr)


@settings(max_examples=25 if SWEEP else 4)
@given(st.data())
def test_loaded_tables_are_those_of_the_engine_however_the_log_is_cut_and_the_load_dies(
    dsn: str, data: st.DataObject
) -> None:
    stream = data.draw(records())
    batches = cut(data.draw, stream)
    dies = [data.draw(st.booleans()) for _ in batches]
    expected = applied(dsn, [stream])

    for projection in LOGS:
        for table, rows in loaded(dsn, projection, batches, dies).items():
            assert rows == expected[table]


def test_an_order_whose_story_is_whole_needs_no_merge_and_one_told_in_two_parts_does() -> None:
    log = Log(AccountName("tiny"))
    for number in (1, 2):
        partly_then_wholly(log, number)
    staged = [row for record in log.records() for row in rows_of(EXECUTIONS, record)]
    finisher = OrdersFinisher()

    first, second = finisher.finish(staged[:6]), finisher.finish(staged[6:])

    counts = {table: len(found.lines) for table, found in first.tables.items()}
    assert counts == {"dispatch_orders": 2, "dispatch_fills": 3, "dispatch_executions": 2}
    assert first.left == []
    assert list(second.left) == staged[6:]
    assert not any(found.lines for found in second.tables.values())


def test_an_order_that_is_told_twice_is_left_to_the_merges_the_second_time() -> None:
    log = Log(AccountName("tiny"))
    partly_then_wholly(log, 1)
    staged = [row for record in log.records() for row in rows_of(EXECUTIONS, record)]
    finisher = OrdersFinisher()
    finisher.take([("ENTRY", 1)])

    assert set(finisher.finish(staged).left) == set(staged)


def test_what_is_read_again_for_a_fold_moves_no_other_tables_back(dsn: str) -> None:
    """A rebuild that was killed goes on with a log's middle; the fold beside it begins anew."""
    log = Log(AccountName("tiny"))
    for number in (1, 2, 3):
        log.intended(number)
        log.filled(number, "10", "100")
    records = log.records()
    place, middle = (log.topic, 0), 4
    shadow = Shadow(dsn, EXECUTIONS)
    shadow.open("this", anew=True)
    begin(shadow.session.connection(), EXECUTIONS.name, place, 0)
    session = Session(dsn)
    killed = BulkLoad(session, EXECUTIONS, place, 0)
    for record in records[:middle]:
        killed.add(record)
    killed.write(middle)

    again = BulkLoad(session, EXECUTIONS, place, middle)
    for record in records:
        again.add(record)
        again.write(record.origin.offset + 1)
        assert shadow.checkpoints()[place] == max(middle, record.origin.offset + 1)

    found = shadow.session.connection().execute("SELECT count(*) FROM dispatch_orders").fetchone()
    session.close()
    shadow.close()
    assert found == (3,)


def test_what_was_folded_is_let_go_where_its_rows_were_refused(dsn: str) -> None:
    log = Log(AccountName("tiny"))
    log.intended(1)
    log.filled(1, "10", "100")
    place = (log.topic, 0)
    shadow = Shadow(dsn, ACCOUNTS)
    shadow.open("this", anew=True)
    connection = shadow.session.connection()
    begin(connection, ACCOUNTS.name, place, 0)
    for stage in ACCOUNTS.stages:
        refuse = sql.SQL("ALTER TABLE {} ADD CHECK (FALSE)")
        connection.execute(refuse.format(sql.Identifier(left_of(stage))))
    session = Session(dsn)
    load = BulkLoad(session, ACCOUNTS, place, 0)

    for record in log.records():
        load.add(record)
    load.end(2)
    session.close()
    shadow.close()

    assert (load.stopped, load.at, load.folded) == (True, 0, None)
