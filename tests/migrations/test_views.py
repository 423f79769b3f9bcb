"""The views for SQL users answer what an account holds and may still do, and by the right index."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from accounts.evolve import fold as folded
from consumers.clock import SystemClock
from consumers.cluster import Cluster
from consumers.projector.building import RebuildSettings
from consumers.projector.rebuild import rebuild
from events.catalog import LogEvent
from events.codec import Codec
from projections.accounts import ACCOUNTS
from projections.catalog import PROJECTIONS
from projections.executions import EXECUTIONS
from projections.status import STATUS
from tests.builders import ACCOUNT, a_decline, an_opening
from tests.order_builders import a_fill, an_intent
from tests.projections.database import run
from tests.projections.driving import fold
from tests.projections.projecting import World, traded
from tests.projections.story import NOW, records

TOPIC = f"dispatch.events.{ACCOUNT}"


def story(now: datetime) -> list[LogEvent]:
    """Return the log of an account that was busy three days ago and is today."""
    old = an_intent(1, quantity=10, at=now - timedelta(days=3))
    held = an_intent(2, ticker="AAPL", quantity=5, price=50, at=now)
    working = an_intent(3, ticker="NVDA", quantity=4, price=20, at=now)
    return [
        an_opening(),
        old,
        a_fill(old, 10, 100),
        held,
        a_fill(held, 5, 49),
        working,
        a_fill(working, 1, 20),
        a_decline(9),
    ]


def ask(dsn: str, query: str, *values: object) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(query.encode(), values).fetchall()


@pytest.fixture
def events() -> list[LogEvent]:
    """The story, as of this moment: views know no other today."""
    return story(SystemClock().now())


@pytest.fixture
def told(database: str, events: list[LogEvent]) -> str:
    """A database that knows the account."""
    for projection in (EXECUTIONS, STATUS, ACCOUNTS):
        fold(database, projection, records(TOPIC, events))
    return database


def test_an_account_s_row_says_what_its_own_fold_says(told: str, events: list[LogEvent]) -> None:
    [row] = ask(told, "SELECT * FROM dispatch_views.accounts")
    state = folded(events)

    assert row["account_name"] == ACCOUNT
    assert row["open_position_count"] == len(state.positions) == 3
    assert row["exposure"] == state.exposure
    assert row["held_cost"] + row["reserved"] == row["exposure"]
    # The third is filled in part, which is an execution too.
    assert row["executions_today"] == row["executions_on_last_day"] == 2
    assert row["exchange_day"] == row["last_day"]
    assert row["cash"] == state.cash


def test_open_orders_reserve_what_the_account_s_row_says(told: str) -> None:
    [account] = ask(told, "SELECT reserved FROM dispatch_views.accounts")
    found = ask(told, "SELECT * FROM dispatch_views.open_orders")

    assert [(row["ticker"], row["status"]) for row in found] == [("NVDA", "partially_filled")]
    assert sum(row["reserved"] for row in found) == account["reserved"]


def test_what_the_limits_per_ticker_ask_is_told_by_ticker_and_today(told: str) -> None:
    found = ask(told, "SELECT * FROM dispatch_views.tickers_today ORDER BY ticker")

    assert [(row["ticker"], row["executions"]) for row in found] == [("AAPL", 1), ("NVDA", 1)]
    assert found[0]["notional"] == Decimal(245)


def test_executions_of_a_day_are_those_of_the_new_york_day(database: str) -> None:
    late = datetime(2026, 3, 3, 4, 59, tzinfo=UTC)  # still March 2 in New York
    one, two = an_intent(1, at=late), an_intent(2, at=late + timedelta(minutes=2))
    fold(database, EXECUTIONS, records(TOPIC, [one, a_fill(one, 10), two, a_fill(two, 10)]))

    for day, recommendation in (("2026-03-02", 1), ("2026-03-03", 2)):
        found = ask(database, "SELECT * FROM dispatch_views.executions_on(%s)", day)
        assert [row["recommendation_id"] for row in found] == [recommendation]
        assert f"{found[0]['exchange_day']}" == day


def test_outcomes_and_freshness_have_a_row_for_each(told: str, events: list[LogEvent]) -> None:
    outcomes = ask(
        told, "SELECT status FROM dispatch_views.recommendation_outcomes ORDER BY recommendation_id"
    )
    fresh = ask(told, "SELECT DISTINCT account_name, next_offset FROM dispatch_views.freshness")

    assert [row["status"] for row in outcomes] == ["executed", "executed", "executed", "declined"]
    assert fresh == [{"account_name": ACCOUNT, "next_offset": len(events)}]


# A year of 120 executions a day by 30 accounts, one of them rarely at it.
MANY = """
INSERT INTO dispatch_executions (
    execution_id, recommendation_id, account_name, ticker, action, explain_json, risk_json,
    sim_json, log_offset, qty, entry_price, notional, simulated_ts
)
SELECT
    gen_random_uuid(), n, CASE WHEN n % 1000 = 0 THEN 'rare' ELSE 'account-' || n % 30 END,
    'MSFT', 'BUY_STOCK', '{}', '[]', '{}', n, 1, 1, 1, now() - n * interval '12 minutes'
FROM generate_series(1, 43800) AS n
"""


@pytest.fixture
def many(database: str) -> str:
    run(database, MANY)
    run(database, "ANALYZE dispatch_executions")
    return database


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("dispatch_views.executions_today", "idx_dispatch_executions_date_account"),
        ("dispatch_views.executions_on('2026-03-02')", "idx_dispatch_executions_date_account"),
        ("dispatch_views.tickers_today", "idx_dispatch_executions_date_account"),
        ("dispatch_views.accounts", "idx_dispatch_executions_date_account"),
        (
            "dispatch_views.executions WHERE account_name = 'rare'",
            "idx_dispatch_executions_account_name",
        ),
        (
            "dispatch_views.executions ORDER BY executed_at DESC LIMIT 20",
            "idx_dispatch_executions_date_account",
        ),
    ],
)
def test_a_view_reads_executions_by_the_index_made_for_it(
    many: str, query: str, index: str
) -> None:
    plan = "\n".join(row["QUERY PLAN"] for row in ask(many, f"EXPLAIN SELECT * FROM {query}"))  # noqa: S608 -- queries of this test's

    assert index in plan, plan
    assert "Seq Scan on dispatch_executions" not in plan, plan


@pytest.fixture
def analyst(database: str) -> Iterator[str]:
    """The DSN of a role that was granted the views, as the SQL page says, and no table."""
    role = f"analyst_{uuid4().hex[:12]}"
    run(database, f"CREATE ROLE {role} LOGIN")
    run(database, f"GRANT USAGE ON SCHEMA dispatch_views TO {role}")
    run(database, f"GRANT SELECT ON ALL TABLES IN SCHEMA dispatch_views TO {role}")
    yield psycopg.conninfo.make_conninfo(database, user=role)
    run(database, f"DROP OWNED BY {role}")
    run(database, f"DROP ROLE {role}")


def test_views_and_grants_on_them_outlive_a_rebuild(
    cluster: Cluster, codec: Codec, database: str, analyst: str
) -> None:
    world = World(cluster, codec, database)
    world.create("tiny")
    world.write(traded("tiny", 3))
    world.catch_up()
    run(database, "DELETE FROM dispatch_executions")
    run(database, "UPDATE account_state SET exposure = 1")
    settings = RebuildSettings(
        cluster=cluster, postgres_dsn=database, build="test", by="somebody", now=lambda: NOW
    )

    rebuild(settings, codec, PROJECTIONS)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(analyst, "SELECT * FROM dispatch_executions")
    found = ask(analyst, "SELECT * FROM dispatch_views.executions_on(%s)", NOW.date())
    assert [row["recommendation_id"] for row in found] == [1, 2, 3]
    [account] = ask(analyst, "SELECT exposure, open_position_count FROM dispatch_views.accounts")
    assert account == {"exposure": Decimal(3000), "open_position_count": 1}
