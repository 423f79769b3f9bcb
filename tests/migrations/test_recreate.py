"""A table that somebody dropped comes back as it was, but for its rows; nothing else is touched."""

from collections.abc import Callable

import psycopg
import pytest

from migrations.apply import migrate
from migrations.errors import MigrationFailed
from migrations.recreate import recreate_missing
from projections.catalog import PROJECTIONS

MakeDatabase = Callable[..., str]
TABLES = [table for projection in PROJECTIONS for table in projection.tables]
_EVERYTHING = """
SELECT c.relkind::TEXT, c.relnamespace::REGNAMESPACE::TEXT, c.relname,
       CASE c.relkind
           WHEN 'v' THEN pg_get_viewdef(c.oid)
           WHEN 'i' THEN pg_get_indexdef(c.oid)
           ELSE (
               SELECT string_agg(
                   format('%s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull,
                          pg_get_expr(adbin, adrelid)), ', ' ORDER BY attnum)
               FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
               WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
           )
       END
FROM pg_class AS c
WHERE c.relnamespace::REGNAMESPACE::TEXT IN ('public', 'dispatch_views', 'dispatcher_recreate')
UNION ALL
SELECT 'constraint', conrelid::REGCLASS::TEXT, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::REGNAMESPACE
UNION ALL
SELECT 'function', pronamespace::REGNAMESPACE::TEXT, proname, prosrc
FROM pg_proc WHERE pronamespace::REGNAMESPACE::TEXT = 'dispatch_views'
"""


def run(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(statement.encode())
        return [] if found.description is None else found.fetchall()


def shape(dsn: str) -> set[tuple[object, ...]]:
    return set(run(dsn, _EVERYTHING))


@pytest.mark.parametrize("dropped", [["dispatch_executions"], ["account_state"], TABLES])
def test_what_was_dropped_comes_back_with_keys_indexes_and_views(
    database: str, dropped: list[str]
) -> None:
    before = shape(database)
    run(database, f"DROP TABLE {', '.join(dropped)} CASCADE")
    assert shape(database) < before

    names = recreate_missing(database)

    assert names == sorted(dropped)
    assert shape(database) == before
    assert recreate_missing(database) == []
    assert migrate(database) == []


def test_what_is_there_keeps_its_rows_its_views_and_its_grants(database: str) -> None:
    run(
        database,
        "INSERT INTO recommendation_status SELECT (jsonb_populate_record("
        ' NULL::recommendation_status, \'{"recommendation_id": 7, "account_name": "tiny",'
        ' "status": "declined", "log_offset": 1}\')).*',
    )
    run(database, "GRANT SELECT ON recommendation_status, dispatch_views.freshness TO PUBLIC")
    run(database, "CREATE VIEW theirs AS SELECT * FROM dispatch_views.recommendation_outcomes")
    run(database, "DROP TABLE dispatch_orders CASCADE")

    assert recreate_missing(database) == ["dispatch_orders"]

    [row] = run(database, "SELECT recommendation_id FROM theirs")
    assert row == (7,)
    granted = run(
        database,
        "SELECT has_table_privilege('public', oid, 'SELECT') FROM pg_class"
        " WHERE relname IN ('recommendation_status', 'freshness')",
    )
    assert granted == [(True,), (True,)]


def test_a_database_with_pending_migrations_is_migrated_first(make_database: MakeDatabase) -> None:
    empty = make_database()

    with pytest.raises(MigrationFailed, match="run `dispatcher migrate` first"):
        recreate_missing(empty)

    assert shape(empty) == set()
