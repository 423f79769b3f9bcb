"""What differs is found out before the swap; what happens in between is swapped as well."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg
import pytest
from psycopg import sql

from consumers.projector.building import Building
from consumers.projector.history import Chunk
from events.identifiers import AccountName
from projections.checkpoints import Partition
from projections.engine import Engine
from projections.executions import EXECUTIONS
from projections.faults import DatabaseUnavailable
from projections.record import Record
from projections.shadow import Shadow
from tests.projections.database import wait_until_blocked
from tests.projections.driving import Driver, Failures, after, rows
from tests.projections.story import NOW, Log

PLACE = ("dispatch.events.tiny", 0)
PATIENCE_S: Final = 4.0
"""Shorter than the time after which a lock is waited for no longer."""


def building(shadow: Shadow, ends: dict[Partition, int]) -> Building:
    """Return new tables, empty and with their indexes."""
    shadow.create()
    engine = Engine(
        EXECUTIONS, shadow.session, record_failure=Failures(), now=lambda: NOW, build="test"
    )
    return Building(
        projection=EXECUTIONS,
        shadow=shadow,
        engine=engine,
        skipped=frozenset(),
        failures={},
        ends=ends,
    )


def come_to(new: Building, records: list[Record], checkpoints: dict[Partition, int]) -> None:
    new.aim(checkpoints)
    new.feed(Chunk(records, after(records)))


def two_trades() -> Log:
    log = Log(AccountName("tiny"))
    log.intended(1)
    log.filled(1, "10", "100")
    log.intended(2)
    log.filled(2, "10", "100")
    return log


def everything(dsn: str) -> list[list[dict[str, object]]]:
    return [rows(dsn, table) for table in EXECUTIONS.tables]


def emptied(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("TRUNCATE dispatch_orders, dispatch_fills, dispatch_executions")


def swapped(new: Building, late: list[Record]) -> int:
    """Compare and swap, with `late` behind what the new tables have; return the rows written."""
    with new.shadow.comparing() as still:
        come_to(new, late, dict(still.checkpoints))
        new.touched = {}
    with new.shadow.swapping() as swap:
        return swap.contents(new.touched)


def test_tables_that_came_back_empty_are_full_before_the_live_projector_has_to_stand_still(
    database: str,
) -> None:
    records = two_trades().records()
    live = Driver(database, EXECUTIONS)
    live.apply(records[:3])
    emptied(database)
    shadow = Shadow(database, EXECUTIONS)
    new = building(shadow, {PLACE: 3})
    come_to(new, records[:3], {PLACE: 3})

    filled = shadow.fill_empty()

    assert filled == 4  # two orders, a fill, an execution
    assert [row["recommendation_id"] for row in rows(database, "dispatch_executions")] == [1]
    assert live.apply(records[3:]).applied == 1
    assert [
        row["recommendation_id"]
        for row in rows(database, "dispatch_executions", "recommendation_id")
    ] == [
        1,
        2,
    ]
    assert swapped(new, records[3:]) == 0
    live.close()
    shadow.close()


def test_what_the_live_projector_wrote_into_an_empty_table_stays_and_is_put_right_by_the_swap(
    database: str,
) -> None:
    records = two_trades().records()
    live = Driver(database, EXECUTIONS)
    live.apply(records[:3])
    emptied(database)
    live.apply(records[3:])  # a fill whose order is gone
    shadow = Shadow(database, EXECUTIONS)
    new = building(shadow, {PLACE: 3})
    come_to(new, records[:3], {PLACE: 3})

    filled = shadow.fill_empty()

    assert filled == 3  # two orders, an execution: there is a fill already, one of two
    assert [row["recommendation_id"] for row in rows(database, "dispatch_executions")] == [1]
    assert swapped(new, records[3:]) > 0
    found = everything(database)
    emptied(database)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM projection_checkpoints")
    again = Driver(database, EXECUTIONS)
    again.apply(records)
    assert found == everything(database)
    live.close()
    again.close()
    shadow.close()


def test_whoever_gives_up_does_not_wait_until_empty_tables_are_full(database: str) -> None:
    # given: empty tables that are being filled, which takes its time
    records = two_trades().records()
    live = Driver(database, EXECUTIONS)
    live.apply(records)
    emptied(database)
    shadow = Shadow(database, EXECUTIONS)
    come_to(building(shadow, {PLACE: 4}), records, {PLACE: 4})
    with psycopg.connect(database) as holder, ThreadPoolExecutor(1) as filler:
        holder.execute("LOCK TABLE dispatch_executions IN EXCLUSIVE MODE")
        filling = filler.submit(shadow.fill_empty)
        wait_until_blocked(database)

        # when
        shadow.give_up_filling()

        # then: it ends while the lock is held, and nothing was filled
        with pytest.raises(DatabaseUnavailable, match="cancel"):
            filling.result(PATIENCE_S)
    assert rows(database, "dispatch_orders") == []
    assert shadow.fill_empty() > 0
    live.close()
    shadow.close()


def test_tables_that_have_their_rows_are_not_filled(database: str) -> None:
    records = two_trades().records()
    live = Driver(database, EXECUTIONS)
    live.apply(records)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM dispatch_executions WHERE recommendation_id = 2")
    shadow = Shadow(database, EXECUTIONS)
    new = building(shadow, {PLACE: 4})
    come_to(new, records, {PLACE: 4})

    assert shadow.fill_empty() == 0
    assert len(rows(database, "dispatch_executions")) == 1
    live.close()
    shadow.close()


def test_a_row_that_the_live_tables_derive_wrongly_after_the_comparison_is_put_right(
    database: str,
) -> None:
    log = Log(AccountName("tiny"))
    log.intended(1)
    log.filled(1, "10", "100")
    early, late = log.records()[:1], log.records()[1:]
    place = (early[0].origin.topic, 0)
    live = Driver(database, EXECUTIONS)
    live.apply(early)
    with psycopg.connect(database) as connection:
        connection.execute(sql.SQL("UPDATE dispatch_orders SET ticker = 'EDITED'"))
    shadow = Shadow(database, EXECUTIONS)
    new = building(shadow, {place: 1})

    with shadow.comparing() as still:
        new.aim(dict(still.checkpoints))
        new.feed(Chunk(early, {place: 1}))
        new.touched = {}
    live.apply(late)
    [wrong] = rows(database, "dispatch_executions")
    with shadow.swapping() as swap:
        new.aim(dict(swap.checkpoints))
        new.feed(Chunk(late, {place: 2}))
        changed = swap.contents(new.touched)

    assert wrong["ticker"] == "EDITED"
    [order], [execution] = rows(database, "dispatch_orders"), rows(database, "dispatch_executions")
    assert (order["ticker"], execution["ticker"]) == ("MSFT", "MSFT")
    assert changed == 4  # the order and its execution: each deleted, and written anew
    live.close()
    shadow.close()


def test_a_swap_after_which_tens_of_thousands_of_rows_were_touched_looks_at_all_of_them(
    database: str,
) -> None:
    driver = Driver(database, EXECUTIONS)
    log = Log(AccountName("tiny"))
    for number in (1, 2, 3):
        log.intended(number)
    driver.apply(log.records())
    shadow = Shadow(database, EXECUTIONS)
    shadow.create()
    others = {("tiny", f"another-{number}") for number in range(20_000)}

    with shadow.comparing():
        pass
    with psycopg.connect(database) as connection:
        connection.execute(sql.SQL("UPDATE dispatch_orders SET ticker = 'EDITED'"))
    mine = {
        (row["account_name"], row["client_order_id"]) for row in rows(database, "dispatch_orders")
    }
    with shadow.swapping() as swap:
        changed = swap.contents({"dispatch_orders": others | mine})

    assert changed == 3  # the new tables are empty: three orders are too many
    assert rows(database, "dispatch_orders") == []
    driver.close()
    shadow.close()
