from collections.abc import Callable

import psycopg
import pytest

from migrations.apply import migrate, pending
from migrations.errors import DatabaseUnreachable, MigrationFailed
from tests.migrations.by_hand import FILES, NAMES, ask, run_by_hand
from tests.migrations.legacy import make_legacy
from tests.projections.database import run

ACCOUNT_NAME = "1002_add_account_name_to_dispatch_executions"
LEGACY_ROWS = 1000

MakeDatabase = Callable[..., str]


def columns(dsn: str, table: str) -> dict[str, tuple[str, bool, str | None]]:
    found = ask(
        dsn,
        f"""
        SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = '{table}'::REGCLASS AND attnum > 0 AND NOT attisdropped
        """,  # noqa: S608 -- a table of this test's
    )
    return {name: (kind, not_null, default) for name, kind, not_null, default in found}


def test_an_empty_database_gets_every_file_once(make_database: MakeDatabase) -> None:
    dsn = make_database()

    assert pending(dsn) == NAMES
    assert migrate(dsn) == NAMES
    assert pending(dsn) == []
    assert migrate(dsn) == []


def test_asking_what_is_pending_changes_nothing(make_database: MakeDatabase) -> None:
    dsn = make_database()

    pending(dsn)

    assert ask(dsn, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize("with_account_column", [True, False])
def test_a_legacy_database_keeps_every_row_beside_the_tables(
    make_database: MakeDatabase,
    with_account_column: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    dsn = make_database()
    make_legacy(dsn, with_account_column=with_account_column)

    assert migrate(dsn) == NAMES

    assert ask(dsn, "SELECT count(*) FROM dispatch_executions") == [(0,)]
    assert ask(dsn, "SELECT count(*) FROM dispatch_executions_legacy") == [(LEGACY_ROWS,)]
    assert ask(dsn, "SELECT count(*) FROM dispatch_recommendations_legacy") == [(LEGACY_ROWS,)]
    assert ask(dsn, "SELECT count(*) FROM dispatcher_runs_legacy") == [(1,)]
    assert ask(dsn, "SELECT count(*) FROM active_positions") == [(5,)]
    accounts = ask(
        dsn,
        "SELECT account_name, count(*) FROM dispatch_executions_legacy GROUP BY 1 ORDER BY 1",
    )
    expected = (
        [("large-default", 750), (None, 250)]
        if with_account_column
        else [("large-default", LEGACY_ROWS)]
    )
    assert accounts == expected


def test_both_indexes_on_the_account_are_there(database: str) -> None:
    found = ask(
        database,
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'dispatch_executions'",
    )

    definitions = dict(found)
    assert definitions["idx_dispatch_executions_account_name"].endswith("(account_name)")
    assert definitions["idx_dispatch_executions_date_account"].endswith(
        "(simulated_ts, account_name)"
    )


def test_the_account_column_has_its_default_until_rows_without_event_are_moved(
    make_database: MakeDatabase,
) -> None:
    dsn = make_database()
    for file in FILES[: NAMES.index(ACCOUNT_NAME) + 1]:
        run_by_hand(dsn, file)

    kind, not_null, default = columns(dsn, "dispatch_executions")["account_name"]

    assert kind == "character varying(50)"
    assert not not_null
    assert default == "'large-default'::character varying"


def test_adding_the_account_name_twice_does_no_harm(make_database: MakeDatabase) -> None:
    dsn = make_database()
    make_legacy(dsn, with_account_column=False)
    until_1002 = NAMES.index(ACCOUNT_NAME) + 1
    for file in FILES[:until_1002]:
        run_by_hand(dsn, file)
    before = columns(dsn, "dispatch_executions")

    run_by_hand(dsn, FILES[until_1002 - 1])

    assert columns(dsn, "dispatch_executions") == before
    assert ask(dsn, "SELECT count(*) FROM dispatch_executions") == [(LEGACY_ROWS,)]


def test_adding_the_account_name_again_after_all_brings_no_default_back(database: str) -> None:
    run_by_hand(database, FILES[NAMES.index(ACCOUNT_NAME)])

    kind, not_null, default = columns(database, "dispatch_executions")["account_name"]

    assert (kind, not_null, default) == ("character varying(50)", True, None)


def test_every_file_can_be_run_again_by_hand_once_the_views_are_dropped(database: str) -> None:
    before = columns(database, "dispatch_executions")
    views = columns(database, "dispatch_views.accounts")
    run(database, "DROP SCHEMA dispatch_views CASCADE")  # no column under a view is altered

    for file in FILES:
        run_by_hand(database, file)

    assert columns(database, "dispatch_executions") == before
    assert columns(database, "dispatch_views.accounts") == views


@pytest.mark.parametrize("legacy", [True, False])
def test_a_legacy_table_and_a_new_one_end_with_the_same_columns(
    make_database: MakeDatabase,
    database: str,
    legacy: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    dsn = make_database()
    if legacy:
        make_legacy(dsn, with_account_column=True)
    migrate(dsn)

    for table in ("dispatch_executions", "dispatch_recommendations"):
        assert columns(dsn, table) == columns(database, table)


def test_quantities_and_prices_have_the_scales_of_events(database: str) -> None:
    found = columns(database, "dispatch_executions")

    assert found["qty"][0] == "numeric(28,9)"
    assert found["entry_price"][0] == "numeric(28,8)"
    assert found["notional"][0] == "numeric(28,8)"
    assert columns(database, "dispatch_recommendations")["confidence"][0] == "numeric(28,9)"


def test_nothing_comes_from_the_database_s_clock_or_a_sequence(make_database: MakeDatabase) -> None:
    dsn = make_database()
    make_legacy(dsn, with_account_column=True)
    migrate(dsn)

    for table in ("dispatch_executions", "dispatch_recommendations", "dispatcher_runs"):
        assert {default for _, _, default in columns(dsn, table).values()} == {None}


INSERT = """
INSERT INTO dispatch_executions (
    execution_id, recommendation_id, account_name, ticker, action, explain_json, risk_json,
    sim_json, log_offset, qty, entry_price, notional
)
VALUES (gen_random_uuid(), 1, {account}, 'MSFT', 'BUY_STOCK', '{{}}', '[]', '{{}}', 0,
        {quantity}, {price}, 1)
"""


def insert(dsn: str, *, account: str = "'tiny'", quantity: str = "1", price: str = "1") -> None:
    with psycopg.connect(dsn) as connection:
        query = INSERT.format(account=account, quantity=quantity, price=price)
        connection.execute(query.encode())


def test_a_row_without_account_is_refused(database: str) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation, match="account_name"):
        insert(database, account="NULL")


def test_two_accounts_may_execute_one_recommendation_but_none_twice(
    make_database: MakeDatabase,
) -> None:
    dsn = make_database()
    make_legacy(dsn, with_account_column=True)
    migrate(dsn)
    insert(dsn, account="'tiny'")
    insert(dsn, account="'large'")

    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(dsn, account="'tiny'")


@pytest.mark.parametrize("value", ["'NaN'", "-1", "1e16"])
@pytest.mark.parametrize("column", ["quantity", "price"])
def test_no_number_that_is_none_or_beyond_all_bounds_is_stored(
    database: str, column: str, value: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="ck_dispatch_executions_numbers"):
        insert(database, **{column: value})


def test_infinity_is_refused_by_the_column_s_type(database: str) -> None:
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        insert(database, quantity="'Infinity'")


def test_a_database_that_does_not_answer_is_named_in_a_sentence() -> None:
    with pytest.raises(DatabaseUnreachable, match="PostgreSQL cannot be reached"):
        migrate("postgresql://nobody@127.0.0.1:1/nothing")


def test_a_refused_file_is_named_rolled_back_and_goes_on_when_the_cause_is_gone(
    make_database: MakeDatabase,
) -> None:
    dsn = make_database()
    make_legacy(dsn, with_account_column=True)
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE VIEW prices AS SELECT entry_price FROM dispatch_executions")

    with pytest.raises(MigrationFailed, match=r"1004_.*\.sql was rolled back: .*view"):
        migrate(dsn)
    assert pending(dsn) == NAMES[NAMES.index("1004_widen_quantities_and_prices") :]

    with psycopg.connect(dsn) as connection:
        connection.execute("DROP VIEW prices")
    assert migrate(dsn) == NAMES[NAMES.index("1004_widen_quantities_and_prices") :]


def test_every_file_says_in_its_first_line_why_it_is_there() -> None:
    for file in FILES:
        lines = file.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("-- Why: "), file.name
        assert any(line.startswith("SET lock_timeout") for line in lines), file.name
