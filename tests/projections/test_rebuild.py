"""Tables told anew beside the live ones come back row by row, and nothing is written twice."""

import psycopg
from psycopg.types.json import Jsonb

from events.identifiers import AccountName
from projections.catalog import PROJECTIONS
from projections.swap import ABOUT
from tests.projections.database import run
from tests.projections.projecting import World, executed, traded
from tests.projections.rebuilding import (
    ALL_TABLES,
    EXECUTIONS,
    content,
    is_verified,
    rebuilt,
    schemas,
)
from tests.projections.story import Log


def test_tables_emptied_by_hand_come_back_equal_row_by_row(world: World) -> None:
    world.write(traded("tiny", 5))
    world.write(traded("large", 3))
    world.catch_up()
    before = content(world.database)
    run(world.database, f"TRUNCATE {', '.join(ALL_TABLES)}")

    rebuilt(world)

    assert content(world.database) == before
    assert schemas(world.database) == []
    assert is_verified(world)


def test_an_edited_row_a_surplus_row_and_a_missing_row_are_put_right(world: World) -> None:
    world.write(traded("tiny", 5))
    world.catch_up()
    before = content(world.database)
    run(world.database, "UPDATE dispatch_fills SET price = 1 WHERE recommendation_id = 1")
    run(world.database, "DELETE FROM dispatch_orders WHERE recommendation_id = 2")
    run(
        world.database,
        "INSERT INTO dispatch_fills SELECT * FROM (SELECT (jsonb_populate_record(f, "
        """'{"fill_key": "surplus"}')).* FROM dispatch_fills AS f LIMIT 1) AS more""",
    )

    [done] = rebuilt(world, EXECUTIONS)

    assert content(world.database) == before
    assert done.rows_changed == 4  # one deleted, one written, and one of each


def test_what_is_right_already_is_not_written_again(world: World) -> None:
    world.write(traded("tiny", 5))
    world.catch_up()

    assert [one.rows_changed for one in rebuilt(world)] == [0] * len(PROJECTIONS)


def test_tables_that_were_never_filled_are_told_to_the_end_and_the_projector_goes_on(
    world: World,
) -> None:
    log = traded("tiny", 4)
    world.write(log, log.events[:4])

    rebuilt(world)
    assert executed(world.database) == [("tiny", 1), ("tiny", 2)]
    world.write(log, log.events[4:])
    result = world.catch_up()

    assert result.progress.records == 4
    assert executed(world.database) == [("tiny", number) for number in (1, 2, 3, 4)]


def test_where_a_row_of_empty_tables_is_held_on_to_all_is_left_to_the_swap(world: World) -> None:
    # given: empty tables, and somebody who has written one of their rows and does not commit
    world.write(traded("tiny", 3))
    world.catch_up()
    before = content(world.database)
    with psycopg.connect(world.database) as holder:
        [fill] = holder.execute(
            "SELECT to_jsonb(f) FROM dispatch_fills AS f WHERE recommendation_id = 2"
        ).fetchone() or [None]
        holder.commit()
        run(world.database, f"TRUNCATE {', '.join(EXECUTIONS.tables)}")
        holder.execute(
            "INSERT INTO dispatch_fills SELECT * FROM jsonb_populate_record("
            "NULL::dispatch_fills, %s)",
            [Jsonb(fill)],
        )
        seen: list[list[tuple[str, int]]] = []

        def let_go_before_the_swap(phase: str, _done: int, _total: int) -> None:
            if phase.startswith("swapping") and not seen:
                seen.append(executed(world.database))
                holder.rollback()

        # when
        [done] = rebuilt(world, EXECUTIONS, on_progress=let_go_before_the_swap)

    # then: nothing was filled beforehand, and everything is there
    assert seen == [[]]
    assert done.rows_changed == 9
    assert content(world.database) == before


def test_every_table_says_which_of_its_rows_staged_rows_can_change() -> None:
    for projection in PROJECTIONS:
        for table in projection.tables:
            for stage in projection.stages:
                assert projection.folding or set(ABOUT[table]) <= set(stage.row.__annotations__)


def test_tables_are_compared_without_a_third_set_of_them_on_the_disk(world: World) -> None:
    world.write(traded("tiny", 300))
    world.catch_up()
    name = world.database.rpartition("/")[2]
    run(world.database, f"ALTER DATABASE {name} SET work_mem = '64kB'")
    run(world.database, f"ALTER DATABASE {name} SET temp_file_limit = '64kB'")
    run(world.database, "UPDATE dispatch_fills SET price = 1 WHERE recommendation_id = 7")

    [done] = rebuilt(world, EXECUTIONS)

    assert done.rows_changed == 2
    run(world.database, f"ALTER DATABASE {name} RESET ALL")
    assert is_verified(world)


def test_a_log_of_one_account_alone_is_enough(world: World) -> None:
    log = Log(AccountName("tiny"))
    log.started()
    world.write(log)
    world.catch_up()

    rebuilt(world)

    assert is_verified(world)
