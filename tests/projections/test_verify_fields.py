"""Verify looks at every field, JSON to its last digit, and takes no value for another."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from consumers.cluster import Cluster
from events.codec import Codec
from events.decision import GateResult, RecommendationDeclined, Verdict
from events.identifiers import AccountName
from events.order import OrderIntended
from projections.verify.compare import Difference, Kind
from projections.verify.gates import gates_as_shown
from projections.verify.json_values import stored
from tests.order_builders import an_intent
from tests.projections.database import run
from tests.projections.projecting import World
from tests.projections.story import CODEC, OPTION, Log, recommendation
from tests.projections.verifying import everything, found

PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'))
TEXTS = ('said "no"', "a\\b", "a\nb", "a\x00b", "½ größer ✓", "", "\x7f", "\\u0000")
NO_JSON = (
    "plain",
    "",
    "{",
    '{"a": NaN}',
    '["\\ud800"]',
    '{"a": "\\u0000"}',
    "[Infinity]",
    "[1e400]",
    "[-1e999999]",
    '{"a": 1e-16384}',
    "[0E-99999999999999999999]",
    "[0e9999999999]",
    '{"a": 1e999999, "a": 1}',
)
JSON_COLUMNS = (
    ("dispatch_orders", "explain_json", "{market,source}"),
    ("dispatch_orders", "risk_json", "{0,threshold}"),
    ("dispatch_orders", "features_snapshot", "{rsi}"),
    ("dispatch_executions", "explain_json", "{seen,log}"),
    ("dispatch_executions", "risk_json", "{0,verdict}"),
    ("dispatch_executions", "sim_json", "{fees}"),
    ("dispatch_executions", "features_snapshot", "{rsi}"),
    ("recommendation_status", "gates", "{0,observed}"),
    ("dispatch_recommendations", "features_snapshot", "{rsi}"),
    ("dispatcher_runs", "run_summary_json", "{intended}"),
    ("account_state", "limits", "{max_open_positions}"),
    ("legacy_executions", "row_json", "{execution,qty}"),
    ("dead_letters", "headers", "{0,0}"),
)


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny", "large")
    everything(world)
    return world


@pytest.mark.parametrize(("table", "column", "path"), JSON_COLUMNS)
def test_one_value_edited_inside_json_is_a_difference_of_its_column(
    world: World, table: str, column: str, path: str
) -> None:
    run(
        world.database,
        f"UPDATE {table} SET {column} = jsonb_set({column}, '{path}', '\"edited\"') "  # noqa: S608 -- of ours
        f"WHERE ctid = (SELECT ctid FROM {table} WHERE {column} #> '{path}' IS NOT NULL LIMIT 1)",
    )

    [difference] = found(world)

    assert difference.table == table
    [one] = difference.fields
    assert one.column == column
    assert "edited" in str(one.table)
    assert "edited" not in str(one.log)


def test_json_that_is_gone_from_a_column_is_a_difference(world: World) -> None:
    run(
        world.database,
        "UPDATE dispatch_orders SET features_snapshot = NULL, risk_json = 'null' "
        "WHERE client_order_id = 'tiny-20-entry'",
    )

    [difference] = found(world)

    told = {one.column: one.table for one in difference.fields}
    assert told == {"features_snapshot": None, "risk_json": None}


@pytest.mark.parametrize(
    ("kept", "count"), [("1.50", 0), ("1.5", 0), ("true", 1), ("1.51", 1), ('"1.50"', 1)]
)
def test_a_number_in_json_is_its_value_and_no_truth_nor_text(
    world: World, kept: str, count: int
) -> None:
    said = recommendation(7, features_snapshot='{"close": 1.50}')
    world.write_raw("recommendations", world.codec.encode(said))
    world.catch_up()

    run(
        world.database,
        f"UPDATE dispatch_recommendations SET features_snapshot = '{{\"close\": {kept}}}' "  # noqa: S608 -- of ours
        "WHERE id = 7",
    )

    assert len(found(world)) == count


def test_one_in_json_is_not_true(world: World) -> None:
    said = recommendation(7, features_snapshot='{"is_open": true, "halted": false}')
    world.write_raw("recommendations", world.codec.encode(said))
    world.catch_up()
    assert found(world) == []

    run(
        world.database,
        "UPDATE dispatch_recommendations "
        """SET features_snapshot = '{"is_open": 1, "halted": 0}' WHERE id = 7""",
    )

    [difference] = found(world)
    assert [one.column for one in difference.fields] == ["features_snapshot"]


def test_an_order_that_is_said_to_close_a_position_and_does_not_is_named(world: World) -> None:
    run(
        world.database,
        "UPDATE dispatch_orders SET closes_position = NOT closes_position "
        "WHERE client_order_id = 'tiny-20-entry'",
    )

    [difference] = found(world)

    [one] = difference.fields
    assert (one.column, one.table, one.log) == ("closes_position", True, False)


def test_a_truth_that_a_table_keeps_as_a_number_is_named(world: World) -> None:
    run(world.database, "DROP SCHEMA dispatch_views CASCADE")
    run(
        world.database,
        "ALTER TABLE dispatch_orders ALTER COLUMN closes_position TYPE INT "
        "USING closes_position::INT",
    )

    assert {one.column for row in found(world) for one in row.fields} == {"closes_position"}


def test_a_column_that_a_table_has_lost_is_named(world: World) -> None:
    run(world.database, "ALTER TABLE dispatch_fills DROP COLUMN fill_model")

    differing = found(world)

    assert differing
    assert {(row.table, one.column) for row in differing for one in row.fields} == {
        ("dispatch_fills", "fill_model")
    }


def test_whatever_gates_say_is_what_the_tables_say(world: World) -> None:
    log = Log(AccountName("large"))
    for number, text in enumerate(TEXTS, start=30):
        gates = tuple(
            GateResult(gate="g", verdict=verdict, reason=text, observed=text, threshold=text)
            for verdict in Verdict
        )
        intended, declined = Log(log.account), Log(log.account)
        intended.intended(number, option=OPTION)
        declined.declined(number + 100)
        for event in intended.events + declined.events:
            assert isinstance(event, OrderIntended | RecommendationDeclined)
            log.append(replace(event, gates=gates))
    world.write(log)
    world.catch_up()

    assert found(world) == []


@given(gates=st.lists(st.tuples(PLAIN, st.sampled_from(Verdict), PLAIN, PLAIN, PLAIN), max_size=3))
def test_plain_gates_are_read_as_the_text_that_postgresql_shows(
    connection: psycopg.Connection[Any], gates: list[tuple[str, Verdict, str, str, str]]
) -> None:
    told = tuple(
        GateResult(gate=gate, verdict=verdict, reason=reason, observed=observed, threshold=limit)
        for gate, verdict, reason, observed, limit in gates
    )
    read: Any = CODEC.with_gates(gates_as_shown).decode(
        CODEC.encode(replace(an_intent(), gates=told))
    )

    shown = connection.execute(
        sql.SQL("SELECT {}::JSONB::TEXT").format(sql.Literal(read.gates.json()))
    ).fetchone()

    assert shown == (read.gates.json(),)


@pytest.fixture(scope="module")
def connection(make_database: Any) -> Any:  # noqa: ANN401 -- a fixture that yields
    with psycopg.connect(make_database()) as connection:
        yield connection


def test_a_snapshot_that_is_no_json_for_postgresql_is_kept_as_text(world: World) -> None:
    for number, text in enumerate(NO_JSON, start=8):
        said = recommendation(number, features_snapshot=text)
        world.write_raw("recommendations", world.codec.encode(said))
    world.catch_up()

    assert [kept.value for text in NO_JSON if (kept := stored(text))] == list(NO_JSON)
    assert found(world) == []


def test_a_declined_recommendation_that_lost_a_reason_is_named(world: World) -> None:
    run(
        world.database,
        "UPDATE recommendation_status SET declined_by = '[]' "
        "WHERE declined_by IS NOT NULL AND account_name = 'tiny'",
    )

    differing: list[Difference] = found(world)

    assert differing
    assert {row.kind for row in differing} == {Kind.DIFFERENT}
    assert {one.column for row in differing for one in row.fields} == {"declined_by"}
