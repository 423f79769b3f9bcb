"""Tables told anew beside the live ones: readers, views, grants and the live projector go on."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, Refused
from consumers.projector.building import RebuildSettings
from consumers.projector.finishing import OnProgress, Rebuilt
from consumers.projector.rebuild import discard, rebuild
from consumers.projector.recorder import ProjectionRecorder
from consumers.projector.verify import verify
from events import roles
from events.codec import Codec
from events.identifiers import AccountName, event_id
from events.projection import ProjectionSettled, Settlement
from projections.catalog import PROJECTIONS, projection_named
from projections.projection import Projection
from projections.shadow import Shadow
from projections.swap import ABOUT
from tests.projections.driving import rows
from tests.projections.projecting import World, projecting
from tests.projections.story import NOW, Log
from tests.projections.test_accounts_behind import POISON
from tests.projections.test_projector import executed, run, traded
from tests.services import Services

EXECUTIONS = projection_named("executions")
ALL_TABLES = [table for projection in PROJECTIONS for table in projection.tables]


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny", "large")
    return world


def rebuilt(
    world: World,
    *projections: Projection,
    on_progress: OnProgress = lambda _phase, _done, _total: None,
) -> list[Rebuilt]:
    settings = RebuildSettings(
        cluster=world.cluster,
        postgres_dsn=world.database,
        build="test",
        by="somebody",
        now=lambda: NOW,
    )
    return rebuild(settings, world.codec, projections or PROJECTIONS, on_progress)


def is_verified(world: World) -> bool:
    found = verify(world.cluster, world.codec, world.database, PROJECTIONS)
    return not any(one.differences for one in found)


def content(dsn: str) -> dict[str, Any]:
    return {table: rows(dsn, table) for table in [*ALL_TABLES, "projection_checkpoints"]}


def schemas(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'dispatcher_rebuild%'"
        )
        return [name for (name,) in found]


def names(dsn: str) -> set[tuple[str, ...]]:
    """Return the names and definitions of every index, constraint and column of the tables."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            """
            SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL
            SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::REGNAMESPACE
            UNION ALL
            SELECT 'table', relname, oid::TEXT || coalesce(relacl::TEXT, '') FROM pg_class
            WHERE relnamespace = 'public'::REGNAMESPACE AND relkind = 'r'
            """
        )
        return set(found.fetchall())


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


@dataclass
class Reader:
    """Somebody who looks at the tables all the time, through a foreign view and as a foreign role.

    `least` is the fewest rows it has seen after it had seen some; `steps_back` counts how often
    there were fewer than before.
    """

    looks: int = 0
    last: int = 0
    steps_back: int = 0
    errors: list[Exception] = field(default_factory=list)
    stop: Event = field(default_factory=Event)

    def look(self, connection: psycopg.Connection[Any]) -> None:
        [(count, whole)] = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE explain_json IS NOT NULL) FROM seen"
        ).fetchall()
        self.looks += 1
        self.steps_back += count < self.last or whole < count
        self.last = count


@contextmanager
def reading(dsn: str, isolation: psycopg.IsolationLevel) -> Iterator[Reader]:
    reader = Reader()
    ready = Event()

    def read() -> None:
        try:
            with psycopg.connect(dsn, options="-c lock_timeout=250ms") as connection:
                connection.isolation_level = isolation
                while not reader.stop.wait(0.001):
                    for _ in range(2):
                        reader.look(connection)
                    connection.commit()
                    ready.set()
        except Exception as error:  # noqa: BLE001 -- the test asks for it
            reader.errors.append(error)
            ready.set()

    thread = Thread(target=read)
    thread.start()
    assert ready.wait(30)
    try:
        yield reader
    finally:
        reader.stop.set()
        thread.join(30)


@pytest.fixture
def stranger(world: World) -> Iterator[str]:
    """The DSN of a role that may read one foreign view and the table, and nothing else."""
    role = f"stranger_{uuid4().hex[:12]}"
    run(world.database, f"CREATE ROLE {role} LOGIN")
    run(world.database, "CREATE VIEW seen AS SELECT * FROM dispatch_executions")
    run(world.database, f"GRANT SELECT ON seen, dispatch_executions TO {role}")
    yield psycopg.conninfo.make_conninfo(world.database, user=role)
    run(world.database, f"DROP OWNED BY {role}")
    run(world.database, f"DROP ROLE {role}")


def test_during_live_traffic_a_reader_never_sees_an_error_nor_an_empty_or_half_table(
    world: World, stranger: str
) -> None:
    log = traded("tiny", 150)
    world.write(log, log.events[:100])
    before = names(world.database)
    with projecting(world) as running:
        running.wait_until(lambda progress: progress.caught_up and progress.records >= 100)
        writer = Thread(target=world.write, args=(log, log.events[100:]))
        with (
            reading(stranger, psycopg.IsolationLevel.READ_COMMITTED) as one,
            reading(stranger, psycopg.IsolationLevel.REPEATABLE_READ) as two,
        ):
            writer.start()
            while writer.is_alive():
                rebuilt(world)
            writer.join()
            running.wait_until(lambda progress: progress.records >= 300)
            running.wait_until(lambda _: len(executed(world.database)) == 150)
            rebuilt(world)

    assert running.errors == []
    for reader in (one, two):
        assert reader.errors == []
        assert reader.steps_back == 0
        assert reader.looks > 20
    assert executed(world.database) == [("tiny", number) for number in range(1, 151)]
    assert names(world.database) == before
    assert is_verified(world)


def test_a_foreign_view_and_grant_return_new_rows_after_the_swap(
    world: World, stranger: str
) -> None:
    world.write(traded("tiny", 3))
    world.catch_up()
    run(world.database, "UPDATE dispatch_executions SET entry_price = 7")
    run(world.database, "DELETE FROM dispatch_executions WHERE recommendation_id = 3")
    before = names(world.database)

    rebuilt(world, EXECUTIONS)

    with psycopg.connect(stranger) as connection:
        for relation in ("seen", "dispatch_executions"):
            query = sql.SQL("SELECT recommendation_id, entry_price FROM {} ORDER BY 1")
            found = connection.execute(query.format(sql.Identifier(relation))).fetchall()
            assert found == [(1, 100), (2, 100), (3, 100)]
    assert names(world.database) == before


def test_tables_that_came_back_empty_are_full_again_and_names_are_what_they_were(
    world: World,
) -> None:
    world.write(traded("tiny", 20))
    world.catch_up()
    before, named = content(world.database), names(world.database)
    run(world.database, f"TRUNCATE {', '.join(EXECUTIONS.tables)}")

    [done] = rebuilt(world, EXECUTIONS)

    assert done.rows_changed == 60
    assert content(world.database) == before
    assert names(world.database) == named


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


def test_empty_tables_stay_empty_where_it_would_park_what_is_not_parked(world: World) -> None:
    world.write(traded("tiny", 3))
    world.catch_up()
    run(world.database, f"TRUNCATE {', '.join(EXECUTIONS.tables)}")
    before = content(world.database)
    run(
        world.database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two CHECK (recommendation_id <> 2)",
    )

    with pytest.raises(Refused, match="would park 4 events"):
        rebuilt(world, EXECUTIONS)

    assert content(world.database) == before
    assert executed(world.database) == []


def test_it_refuses_to_park_what_the_live_tables_hold(world: World) -> None:
    world.write(traded("tiny", 3))
    world.catch_up()
    before = content(world.database)
    run(
        world.database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two "
        "CHECK (recommendation_id <> 2) NOT VALID",
    )

    with pytest.raises(Refused, match=r"would park 4 events .* offset 10 .*no_two"):
        rebuilt(world, EXECUTIONS)

    assert content(world.database) == before
    assert rows(world.database, "parked_events") == []
    assert schemas(world.database) == []


def test_once_the_cause_is_mended_a_rebuild_clears_what_was_parked_and_says_so(
    world: World,
) -> None:
    run(
        world.database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two CHECK (recommendation_id <> 2)",
    )
    world.write(traded("tiny", 3))
    world.catch_up()
    assert len(rows(world.database, "parked_events")) == 4
    run(world.database, "ALTER TABLE dispatch_orders DROP CONSTRAINT no_two")

    [done] = rebuilt(world, EXECUTIONS)
    world.catch_up()

    assert (done.parked, done.parked_cleared) == (0, 4)
    assert rows(world.database, "parked_events") == []
    assert executed(world.database) == [("tiny", number) for number in (1, 2, 3)]
    [failure] = rows(world.database, "dispatch_failures")
    assert (failure["settlement"], failure["settled_by"]) == ("RETRIED", "somebody")
    assert is_verified(world)


@pytest.mark.parametrize(
    ("refusal", "projection"),
    [
        (
            "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two CHECK (recommendation_id <> 2)",
            "executions",
        ),
        (POISON, "accounts"),
    ],
    ids=["one of its rows", "the one row that its account has"],
)
def test_what_still_cannot_be_applied_stays_parked(
    world: World, refusal: str, projection: str
) -> None:
    run(world.database, refusal)
    world.write(traded("tiny", 3))
    world.write(traded("large", 1))
    world.catch_up()
    before = content(world.database)
    parked = rows(world.database, "parked_events")
    assert {row["projection"] for row in parked} == {projection}

    rebuilt(world)

    assert content(world.database) == before
    assert rows(world.database, "parked_events") == parked


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


def test_a_skipped_event_is_left_out(world: World) -> None:
    world.write(traded("tiny", 2))
    world.catch_up()
    [fill] = [
        row for row in rows(world.database, "dispatch_fills") if row["recommendation_id"] == 2
    ]
    ProjectionRecorder(world.cluster, world.codec)(
        ProjectionSettled(
            event_id=event_id("executions", "skip", None, roles.SETTLED),
            projection="executions",
            account_name="tiny",
            topic="dispatch.events.tiny",
            partition=0,
            offset=fill["log_offset"],
            settlement=Settlement.SKIPPED,
            reason="nonsense",
            by="somebody",
            occurred_at=NOW,
        )
    )
    world.catch_up()

    [done] = rebuilt(world, EXECUTIONS)

    assert done.skipped == 1
    assert executed(world.database) == [("tiny", 1)]
    assert is_verified(world)


def test_a_log_whose_head_is_gone_is_not_rebuilt(world: World) -> None:
    world.write(traded("tiny", 2))
    world.catch_up()
    before = content(world.database)
    world.forget_before("tiny", 4)

    with pytest.raises(ConfigurationError, match="its head is gone"):
        rebuilt(world)

    assert content(world.database) == before


def test_two_rebuilds_of_one_projection_exclude_each_other(world: World) -> None:
    world.write(traded("tiny", 1))
    world.catch_up()
    other = Shadow(world.database, EXECUTIONS)
    other.create()

    with pytest.raises(Refused, match="being rebuilt by another process"):
        rebuilt(world, EXECUTIONS)
    other.close()

    assert rebuilt(world, EXECUTIONS)[0].rows_changed == 0


KILLED_AT = {
    "making the tables": ("dispatch_executions", "ACCESS EXCLUSIVE"),
    "full, before the swap": ("projection_checkpoints", "EXCLUSIVE"),
    "in the swap": ("dispatch_orders", "ROW EXCLUSIVE"),
}
"""A lock of somebody else's, at which a rebuild stands still."""


@pytest.mark.parametrize("where", KILLED_AT)
def test_killed_half_way_and_started_again_it_ends_well(
    world: World, services: Services, tmp_path: Path, where: str
) -> None:
    world.write(traded("tiny", 20))
    world.catch_up()
    before = content(world.database)
    run(world.database, "DELETE FROM dispatch_fills")
    table, mode = KILLED_AT[where]

    with psycopg.connect(world.database) as holder:
        query = sql.SQL("LOCK TABLE {} IN {} MODE")
        holder.execute(query.format(sql.Identifier(table), sql.SQL(mode)))
        process = rebuild_in_a_process(world, services, tmp_path)
        await_standstill(world, process)
        process.kill()
        process.wait(30)
    filled = len(rows(world.database, "dispatch_fills"))  # as a whole, or not at all
    assert filled == (0 if where == "making the tables" else 20)
    done = rebuilt(world)

    assert content(world.database) == before
    assert schemas(world.database) == []
    kept = {one.projection: (one.kept, one.records) for one in done}["executions"]
    end = sum(
        row["next_offset"]
        for row in before["projection_checkpoints"]
        if row["projection"] == "executions"
    )
    assert kept == ((0, end) if where == "making the tables" else (end, 0))


def test_what_an_interrupted_rebuild_left_can_be_dropped_without_another(world: World) -> None:
    left = Shadow(world.database, EXECUTIONS)
    left.open("this")
    left.leave()
    assert schemas(world.database) == ["dispatcher_rebuild_executions"]

    assert discard(world.database, EXECUTIONS)

    assert schemas(world.database) == []
    assert not discard(world.database, EXECUTIONS)


def test_a_key_that_somebody_else_made_unique_is_met_as_the_live_tables_met_it(
    world: World,
) -> None:
    run(world.database, "CREATE UNIQUE INDEX one_each ON dispatch_orders (account_name, ticker)")
    world.write(traded("tiny", 3))
    world.write(traded("large", 1))
    world.catch_up()
    before, parked = content(world.database), rows(world.database, "parked_events")

    rebuilt(world)

    assert len(parked) > 0
    assert content(world.database) == before
    after = rows(world.database, "parked_events")
    assert [row["log_offset"] for row in after] == [row["log_offset"] for row in parked]


def rebuild_in_a_process(
    world: World, services: Services, directory: Path
) -> "subprocess.Popen[bytes]":
    config = directory / "dispatcher.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{services.bootstrap_servers}"\n'
        f'topic_prefix = "{world.cluster.prefix}"\n'
        f'[registry]\nurl = "{services.registry_url}"\n'
        f'[postgres]\ndsn = "{world.database}"\n'
        '[accounts.tiny]\nmode = "SIMULATED"\npreset = "tiny"\nstart_from = "earliest"\n'
        "starting_cash = 1000\n"
    )
    command = [sys.executable, "-m", "cli.main", "projections", "rebuild", "executions"]
    return subprocess.Popen([*command, "--config", str(config)])


def await_standstill(world: World, process: "subprocess.Popen[bytes]") -> None:
    """Return once the rebuild stands before the lock."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'dispatcher-rebuild' AND wait_event_type = 'Lock'
    """
    with psycopg.connect(world.database, autocommit=True) as watcher:
        while watcher.execute(waiting.encode()).fetchone() == (0,):
            assert process.poll() is None
            Event().wait(0.02)


def test_a_log_of_one_account_alone_is_enough(world: World) -> None:
    log = Log(AccountName("tiny"))
    log.started()
    world.write(log)
    world.catch_up()

    rebuilt(world)

    assert is_verified(world)
