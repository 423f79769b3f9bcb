"""What differs is found out before the swap; what happens in between is swapped as well."""

import psycopg
from psycopg import sql

from consumers.projector.building import Building
from consumers.projector.history import Chunk
from events.identifiers import AccountName
from projections.engine import Engine
from projections.executions import EXECUTIONS
from projections.shadow import Shadow
from tests.projections.driving import Driver, Failures, rows
from tests.projections.story import NOW, Log


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
    shadow.create()
    engine = Engine(
        EXECUTIONS, shadow.session, record_failure=Failures(), now=lambda: NOW, build="test"
    )
    new = Building(
        projection=EXECUTIONS,
        shadow=shadow,
        engine=engine,
        skipped=frozenset(),
        failures={},
        ends={place: 1},
    )

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
