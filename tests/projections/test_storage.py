"""How rows are kept and found: in one piece, and by their keys."""

import psycopg
import pytest
from psycopg import sql

from bench.story import history
from events.identifiers import AccountName
from events.topics import log_of
from projections.accounts import ACCOUNTS
from projections.executions import EXECUTIONS
from projections.projection import Projection
from projections.record import Record
from projections.session import Session
from projections.shadow import Shadow
from projections.shadow_tables import shadow_schema
from tests.projections.driving import Driver, fold
from tests.projections.story import records

TINY = AccountName("tiny")
ORDERS = ("dispatch_orders", "dispatch_executions")


def of_a_working_day(count: int) -> list[Record]:
    """Return the log of an account whose decisions went through every gate."""
    return records(log_of(TINY).name, history(TINY, count))


def put_aside(dsn: str, table: str) -> int:
    """Return how many values of `table` are not kept with their rows."""
    with psycopg.connect(dsn) as connection:
        aside = connection.execute(
            "SELECT reltoastrelid::REGCLASS::TEXT FROM pg_class WHERE oid = %s::REGCLASS", (table,)
        ).fetchone()
        assert aside is not None
        schema, name = str(aside[0]).split(".")
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        [count] = connection.execute(query).fetchone() or [None]
    assert isinstance(count, int)
    return count


def told_to_keep(dsn: str, schema: str) -> dict[str, list[str] | None]:
    """Return what PostgreSQL was told about keeping each of the orders' tables in a schema."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT relname, reloptions FROM pg_class"
            " WHERE relnamespace = %s::REGNAMESPACE AND relname = ANY(%s)",
            (schema, list(ORDERS)),
        ).fetchall()
    return dict(found)


def test_an_order_and_its_execution_are_kept_in_one_piece_with_the_answers_of_all_gates(
    database: str,
) -> None:
    fold(database, EXECUTIONS, of_a_working_day(40))

    assert [put_aside(database, table) for table in ORDERS] == [0, 0]


def test_the_second_set_of_tables_keeps_its_rows_as_the_live_ones_do(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE dispatch_orders SET (fillfactor = 90)")

    shadow = Shadow(database, EXECUTIONS)
    shadow.open("a test", anew=True)
    live = told_to_keep(database, "public")
    assert live["dispatch_orders"] == ["toast_tuple_target=4080", "fillfactor=90"]
    assert told_to_keep(database, shadow_schema(EXECUTIONS)) == live
    shadow.close()


@pytest.mark.parametrize("projection", [EXECUTIONS, ACCOUNTS], ids=lambda one: one.name)
def test_no_table_is_read_from_end_to_end_by_plans_that_were_made_while_it_was_small(
    database: str, projection: Projection
) -> None:
    driver = Driver(database, projection)
    before = whole_looks(driver.session, projection)

    for record in of_a_working_day(60):
        driver.apply([record])

    assert whole_looks(driver.session, projection) == before
    driver.close()


def whole_looks(session: Session, projection: Projection) -> dict[str, int]:
    """Return how often each of a projection's tables was read from end to end."""
    connection = session.connection(projection.stages)
    connection.execute("SELECT pg_stat_force_next_flush()")
    found = connection.execute(
        "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY(%s)",
        (list(projection.tables),),
    ).fetchall()
    return {str(name): int(str(count)) for name, count in found}
