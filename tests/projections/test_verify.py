"""Verify finds what is wrong, names it, and finds nothing where nothing is."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from consumers.projector.verify import verify
from consumers.projector.verify_case import Verified
from consumers.projector.verify_scope import Scope
from events.identifiers import AccountName
from projections.catalog import PROJECTIONS
from projections.executions import EXECUTIONS
from projections.verify.catalog import FOLDS
from projections.verify.compare import Difference, Kind, differences
from projections.verify.extent import Extent
from projections.verify.fold import KEYS
from projections.verify.screen import Screen
from tests.projections.database import run
from tests.projections.driving import fold, rows
from tests.projections.lives import LIVES
from tests.projections.log_tables import TABLES
from tests.projections.projecting import World, traded
from tests.projections.story import OPTION, Log, recommendation
from tests.projections.verifying import eventful, everything, found, verified


def test_every_projection_and_table_is_verified() -> None:
    assert set(FOLDS) == {projection.name for projection in PROJECTIONS}
    for projection in PROJECTIONS:
        assert set(FOLDS[projection.name]().tables()) == set(projection.tables)
        assert set(projection.tables) <= set(KEYS)


def test_tables_that_are_what_the_log_says_are_found_so(world: World) -> None:
    world.write(eventful("tiny"))
    world.write(eventful("large"))
    for event in (recommendation(1), recommendation(2, option=OPTION, reason='{"a": 1.50}')):
        world.write_raw("recommendations", world.codec.encode(event))
    world.write_raw("dispatch.dead-letters", b"\x00\xff", {"dlq.reason": b"a\x00b", "dlq.at": b"?"})
    world.catch_up()

    result = verified(world)

    assert [one.differences for one in result] == [()] * len(PROJECTIONS)
    assert all(one.rows > 0 for one in result if one.projection != "dead-letters")


@given(st.lists(st.sampled_from(LIVES), min_size=1, max_size=8))
@settings(max_examples=30)
def test_the_plain_fold_and_the_engine_agree_on_any_story(
    made: dict[str, Any], lives: list[Any]
) -> None:
    log = Log(AccountName("tiny"))
    for number, life in enumerate(lives, start=1):
        life(log, number)
    records = log.records()
    dsn = made["dsn"]
    run(dsn, f"TRUNCATE {', '.join([*TABLES, 'projection_checkpoints', 'parked_events'])}")

    for projection in PROJECTIONS:
        if projection.reads_logs:
            fold(dsn, projection, records)
            plain = FOLDS[projection.name]()
            for record in records:
                assert record.event is not None
                plain.take(record.event, record.origin)
            with psycopg.connect(dsn) as connection:
                for table, expected in plain.tables().items():
                    assert list(differences(connection, table, expected)) == []


@pytest.fixture(scope="module")
def made(make_database: Any, migrated_template: str) -> dict[str, Any]:  # noqa: ANN401 -- a function
    return {"dsn": make_database(migrated_template)}


@pytest.mark.parametrize("table", sorted(KEYS))
def test_an_edited_field_is_named_in_every_table(world: World, table: str) -> None:
    everything(world)
    column = {
        "dispatch_orders": "detail",
        "dispatch_fills": "fill_model",
        "dispatch_executions": "entry_price",
        "recommendation_status": "failure_reason",
        "dispatch_recommendations": "vix",
        "dispatch_failures": "error",
        "dead_letters": "reason",
        "dispatcher_runs": "host",
        "account_positions": "last_price",
        "account_state": "cash",
        "legacy_executions": "execution_mode",
    }[table]
    is_number = column in ("entry_price", "vix", "last_price", "cash")
    run(
        world.database,
        f"UPDATE {table} SET {column} = {12345 if is_number else chr(39) + 'edited' + chr(39)} "  # noqa: S608 -- of ours
        f"WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)",
    )

    [difference] = found(world)

    assert (difference.table, difference.kind) == (table, Kind.DIFFERENT)
    [one] = difference.fields
    assert (one.column, one.table) == (column, 12345 if is_number else "edited")
    assert one.log != one.table


@pytest.mark.parametrize("table", sorted(KEYS))
def test_a_missing_row_is_named_in_every_table(world: World, table: str) -> None:
    everything(world)
    [gone, *_] = rows(world.database, table)
    run(
        world.database,
        f"DELETE FROM {table} WHERE ctid = (SELECT ctid FROM {table} ORDER BY 1 LIMIT 1)",  # noqa: S608 -- of ours
    )
    left = [[row[column] for column in KEYS[table]] for row in rows(world.database, table)]

    [difference] = found(world)

    assert gone is not None
    assert (difference.table, difference.kind) == (table, Kind.MISSING)
    assert list(difference.key.values()) not in left


def test_one_account_is_verified_and_the_others_are_left_alone(world: World) -> None:
    world.write(eventful("tiny"))
    world.write(eventful("large"))
    world.catch_up()
    run(world.database, "UPDATE dispatch_orders SET detail = 'edited' WHERE recommendation_id = 1")

    result = of_a_part(world, Scope(account=AccountName("tiny")))

    [difference] = [difference for one in result for difference in one.differences]
    assert difference.key["account_name"] == "tiny"
    read = [one.events for one in result if one.events]
    assert read
    assert set(read) == {len(eventful("tiny").events)}


def test_since_an_offset_only_later_decisions_are_held_against_their_rows(world: World) -> None:
    log = traded("tiny", 4)
    world.write(log)
    world.catch_up()
    run(world.database, "UPDATE dispatch_fills SET fill_model = 'edited'")
    [first, *_, last] = rows(world.database, "dispatch_orders", "log_offset")

    since = Scope(account=AccountName("tiny"), since=last["log_offset"])
    result = of_a_part(world, since)

    [difference] = [difference for one in result for difference in one.differences]
    assert difference.key["client_order_id"] == last["client_order_id"] != first["client_order_id"]
    assert "accounts" not in {one.projection for one in result}


def test_since_a_time_before_everything_all_decisions_are_found(world: World) -> None:
    world.write(traded("tiny", 2))
    world.catch_up()
    run(world.database, "UPDATE dispatch_executions SET entry_price = 1")

    result = of_a_part(world, Scope(since=datetime(2020, 1, 1, tzinfo=UTC)))

    assert sum(len(one.differences) for one in result) == 2


def of_a_part(world: World, scope: Scope) -> list[Verified]:
    return verify(world.cluster, world.codec, world.database, PROJECTIONS, scope=scope)


@pytest.mark.parametrize(
    "change",
    [
        "SELECT 1",
        "UPDATE dispatch_orders SET detail = 'edited' WHERE recommendation_id = 2",
        "UPDATE dispatch_orders SET recommendation_id = 77 WHERE recommendation_id = 2",
        "DELETE FROM dispatch_fills WHERE recommendation_id = 1",
        "TRUNCATE dispatch_fills",
        """INSERT INTO dispatch_fills SELECT (jsonb_populate_record(f,
        '{"client_order_id": "surplus"}')).* FROM dispatch_fills AS f LIMIT 1""",
        "INSERT INTO dispatch_orders (account_name, client_order_id) VALUES ('tiny', 'surplus')",
    ],
)
def test_stories_held_against_their_rows_as_they_end_tell_what_one_look_at_all_tells(
    made: dict[str, Any], change: str
) -> None:
    dsn, log = made["dsn"], Log(AccountName("tiny"))
    for number, life in enumerate(LIVES, start=1):
        life(log, number)
    log.events.append(log.events[1])  # told twice, long after its story was over
    log.canceled(2, filled="3")
    run(dsn, f"TRUNCATE {', '.join([*TABLES, 'projection_checkpoints', 'parked_events'])}")
    fold(dsn, EXECUTIONS, log.records())
    run(dsn, change)

    with psycopg.connect(dsn) as connection:
        plain, screen = (
            FOLDS["executions"](),
            Screen(connection, FOLDS["executions"], "tiny", quiet=2, look_every=1),
        )
        for taker in (plain, screen):
            take_all(taker, log)
        told = list(screen.differences())
        again = screen.again(screen.late)
        take_all(again, log)
        told += again.differences()
        whole = [
            difference
            for table, expected in plain.tables().items()
            for difference in differences(connection, table, expected)
        ]

    if not whole:  # story 2 was not what its rows say yet when it was quiet, and waited
        assert screen.late == {1}
    assert {str(one) for one in told} == {str(one) for one in whole}
    assert bool(whole) == (change != "SELECT 1")


def take_all(taker: Any, log: Log) -> None:  # noqa: ANN401 -- whatever takes events
    for record in log.records():
        taker.take(record.event, record.origin)


def test_a_row_of_an_account_without_a_log_is_named(world: World) -> None:
    everything(world)
    run(
        world.database,
        "INSERT INTO recommendation_status (recommendation_id, account_name) VALUES (1, 'nobody')",
    )

    [difference] = found(world)

    assert difference.key["account_name"] == "nobody"


def test_a_surplus_row_is_named(world: World) -> None:
    everything(world)
    run(
        world.database,
        "INSERT INTO recommendation_status (recommendation_id, account_name) VALUES (99, 'tiny')",
    )

    [difference] = found(world)

    assert difference.kind is Kind.SURPLUS
    assert difference.key == {"recommendation_id": 99, "account_name": "tiny"}


def test_what_is_parked_is_missing_and_no_difference(world: World) -> None:
    run(
        world.database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two CHECK (recommendation_id <> 2)",
    )
    world.write(eventful("tiny"))
    world.catch_up()

    by_name = {one.projection: one for one in verified(world)}

    assert by_name["executions"].parked > 0
    assert all(one.differences == () for one in by_name.values())


def test_what_cannot_be_read_and_does_not_wait_is_named(world: World) -> None:
    world.write(traded("tiny", 1))
    world.write_raw("dispatch.events.tiny", b"what is this?")
    world.catch_up()
    assert found(world) == []
    [at] = {row["log_offset"] for row in rows(world.database, "parked_events")}

    run(world.database, "DELETE FROM parked_events WHERE projection = 'executions'")

    assert found(world) == [
        Difference(
            table="parked_events",
            key={
                "projection": "executions",
                "topic": "dispatch.events.tiny",
                "partition": 0,
                "log_offset": at,
            },
            kind=Kind.MISSING,
        )
    ]


def test_events_behind_the_checkpoints_are_not_expected(world: World) -> None:
    log = eventful("tiny")
    world.write(log, log.events[:5])
    world.catch_up()
    world.write(log, log.events[5:])

    assert found(world) == []


def test_a_table_emptied_by_hand_is_missing_row_by_row(world: World) -> None:
    everything(world)
    count = len(rows(world.database, "dispatch_fills"))
    run(world.database, "TRUNCATE dispatch_fills")

    assert [one.kind for one in found(world)] == [Kind.MISSING] * count


def test_rows_are_looked_up_by_their_key_though_postgresql_never_counted_the_table(
    database: str,
) -> None:
    """Killed over and over it has analysed nothing, and takes an account's rows for few."""
    run(database, "ALTER TABLE recommendation_status SET (autovacuum_enabled = off)")
    run(
        database,
        "INSERT INTO recommendation_status (recommendation_id, account_name)"
        " SELECT number, account FROM generate_series(1, 5000) AS number,"
        " unnest(ARRAY['tiny', 'large']) AS account",
    )
    query = Extent("tiny", range(1, 801)).rows("recommendation_status", {})

    with psycopg.connect(database) as connection:
        found = connection.execute(sql.SQL("EXPLAIN (ANALYZE, BUFFERS) ") + query).fetchall()

    plan = "\n".join(str(line) for (line,) in found)
    assert "Index Scan using recommendation_status_pkey" in plan
    assert "Filter" not in plan
