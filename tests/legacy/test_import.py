"""The old ledger into the logs: real PostgreSQL with the old tables, real Kafka."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from threading import Event
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from accounts.evolve import fold
from consumers.clock import SystemClock
from consumers.dispatcher.opening import account_opened
from consumers.dispatcher.seat import Record, Seat
from consumers.errors import BadInputError, ConfigurationError, Fenced, Refused
from consumers.legacy.decisions import Decisions, LeftOut, Open
from consumers.legacy.importing import Importer, Plan
from consumers.legacy.source import old_ledger
from consumers.projector.building import RebuildSettings
from consumers.projector.rebuild import rebuild
from consumers.projector.verify import verify
from consumers.seats import decided_to, seat_of
from consumers.settings import Settings, load_settings
from consumers.topics_admin import check_topics
from events.account import DispatcherStarted, LegacyExecutionImported
from events.author import Author
from events.catalog import LogEvent
from events.identifiers import AccountName
from events.topics import log_of
from migrations.apply import migrate
from projections.catalog import PROJECTIONS
from projections.legacy import LEGACY
from tests.cli.running import ROOT
from tests.dispatcher.world import Running, World
from tests.legacy.ledger import ROWS, change, old_ledger_of
from tests.projections.driving import rows
from tests.projections.projecting import World as Tables

MakeDatabase = Callable[..., str]
TIMEOUT_S = 60


def configured(world: World, tuning: str | None = None) -> AccountName:
    """An account with its topics, which a Kafka under load shows a moment after it made them."""
    name = world.open_account(tuning=tuning)
    deadline = time.monotonic() + TIMEOUT_S
    while missing := check_topics(world.cluster, [name], development=True):
        assert time.monotonic() < deadline, missing
        Event().wait(0.02)
    return name


def opened(world: World, tuning: str | None = None) -> AccountName:
    """An account whose log holds its opening, as its dispatcher writes it, and nothing else."""
    name = configured(world, tuning)
    settings = settings_of(world)
    author = Author(account=name, run_id=uuid4(), config_hash="config", build="build")
    opening = account_opened(author, settings.account(name), SystemClock().now(), first_offset=0)
    Seat(world.cluster, name, 10_000).append(
        [Record(log_of(name).name, world.codec.encode(opening), name.encode())]
    )
    return name


def settings_of(world: World) -> Settings:
    return load_settings(world.config, {})


def all_into(account: AccountName) -> Decisions:
    return Decisions(accounts={"large-default": account}, unnamed=account)


def imported(
    world: World,
    dsn: str,
    decisions: Decisions,
    on_progress: Callable[[str, int, int], None] = lambda _title, _at, _end: None,
) -> tuple[Plan, dict[AccountName, int]]:
    with old_ledger(dsn) as ledger:
        importer = Importer(
            settings_of(world), world.codec, ledger, decisions, on_progress=on_progress
        )
        plan = importer.plan()
        return plan, importer.run(plan)


def planned(world: World, dsn: str, decisions: Decisions) -> Plan:
    with old_ledger(dsn) as ledger:
        return Importer(settings_of(world), world.codec, ledger, decisions).plan()


def legacy(events: list[LogEvent]) -> list[LegacyExecutionImported]:
    return [event for event in events if isinstance(event, LegacyExecutionImported)]


def old_ids(dsn: str) -> set[Any]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT execution_id FROM dispatch_executions").fetchall()
    return {one for (one,) in found}


@pytest.mark.parametrize("with_account_column", [True, False])
def test_every_row_of_the_old_ledger_stands_in_the_log_once(
    world: World, make_database: MakeDatabase, *, with_account_column: bool
) -> None:
    dsn = old_ledger_of(make_database, with_account_column=with_account_column)
    account = opened(world)

    _, done = imported(world, dsn, all_into(account))

    events = legacy(world.log(account))
    assert done == {account: ROWS}
    assert {event.execution_id for event in events} == old_ids(dsn)
    assert len(events) == ROWS
    names = {"large-default": 750, None: 250} if with_account_column else {None: ROWS}
    assert Counter(event.legacy_account_name for event in events) == names
    assert [event.simulated_ts for event in events] == sorted(
        event.simulated_ts for event in events if event.simulated_ts is not None
    )
    last = events[-1]
    assert (last.legacy_recommendation_id, last.entry_price) == (1000, Decimal("100000.00001000"))
    assert '"confidence":0.5' in last.row


def test_an_import_changes_nothing_that_decisions_go_by(
    world: World, make_database: MakeDatabase
) -> None:
    account = opened(world)
    before = fold(world.log(account))

    imported(world, old_ledger_of(make_database), all_into(account))

    assert fold(world.log(account)) == before
    assert decided_to(world.cluster, account) == 0


def test_a_second_import_finds_everything_in_the_log(
    world: World, make_database: MakeDatabase
) -> None:
    dsn, account = old_ledger_of(make_database), opened(world)
    imported(world, dsn, all_into(account))

    _, again = imported(world, dsn, all_into(account))

    assert again == {}
    assert len(legacy(world.log(account))) == ROWS


def test_rows_that_a_migration_moved_aside_are_found_there(
    world: World, make_database: MakeDatabase
) -> None:
    dsn, account = old_ledger_of(make_database), opened(world)
    imported(world, dsn, all_into(account))
    migrate(dsn)

    plan, again = imported(world, dsn, all_into(account))

    assert [(table.executions, table.rows) for table in plan.tables] == [
        ("dispatch_executions_legacy", ROWS),
        ("dispatch_executions", 0),
    ]
    assert again == {}


def test_without_a_decision_for_every_row_nothing_is_imported(
    world: World, make_database: MakeDatabase
) -> None:
    dsn = old_ledger_of(
        make_database,
        "UPDATE dispatch_executions SET execution_mode = 'SIMULATED_FALLBACK' "
        "WHERE recommendation_id <= 40",
        "UPDATE dispatch_executions SET entry_price = 'NaN' WHERE recommendation_id = 41",
        "UPDATE dispatch_executions SET account_name = 'large-100k' WHERE recommendation_id > 990",
    )
    account = opened(world)
    some = Decisions(accounts={"large-100k": account})

    plan = planned(world, dsn, some)

    asked = {question: plan.open_rows(question) for question in Open}
    assert asked == {Open.NAME: 712, Open.UNNAMED: 237, Open.FALLBACK: 40, Open.FAULTY: 1}
    assert plan.rows_for(account, imported_before=False) == 10
    with pytest.raises(Refused, match="not every row"):
        imported(world, dsn, some)
    assert legacy(world.log(account)) == []


def test_what_is_left_out_is_named_row_by_row(world: World, make_database: MakeDatabase) -> None:
    dsn = old_ledger_of(
        make_database,
        "UPDATE dispatch_executions SET execution_mode = 'SIMULATED_FALLBACK' "
        "WHERE recommendation_id <= 40",
        "UPDATE dispatch_executions SET entry_price = 'NaN', decision_ts = 'infinity' "
        "WHERE recommendation_id = 41",
        "UPDATE dispatch_executions SET account_name = 'large-100k' WHERE recommendation_id > 990",
    )
    account = opened(world)
    decisions = Decisions(
        accounts={"large-default": account},
        left_out=frozenset({"large-100k"}),
        leave_unnamed=True,
        include_fallback=False,
        leave_faulty=True,
    )

    plan, done = imported(world, dsn, decisions)

    assert Counter(one.verdict for one in plan.not_imported) == {
        LeftOut.FALLBACK: 40,
        LeftOut.FAULTY: 1,
        LeftOut.NAME: 10,
        LeftOut.UNNAMED: 237,
    }
    [faulty] = [one for one in plan.not_imported if one.verdict is LeftOut.FAULTY]
    assert len(faulty.faults) == 2
    assert done == {account: ROWS - len(plan.not_imported)}
    assert plan.unexecuted == {}


def test_a_simulated_fallback_that_is_wanted_says_what_it_is(
    world: World, make_database: MakeDatabase
) -> None:
    dsn = old_ledger_of(
        make_database,
        "UPDATE dispatch_executions SET execution_mode = 'SIMULATED_FALLBACK' "
        "WHERE recommendation_id <= 40",
    )
    account = opened(world)

    imported(
        world,
        dsn,
        Decisions(accounts={"large-default": account}, unnamed=account, include_fallback=True),
    )

    modes = Counter(event.execution_mode for event in legacy(world.log(account)))
    assert modes == {"SIMULATED": 960, "SIMULATED_FALLBACK": 40}


def test_a_row_whose_account_is_blank_is_imported_with_those_of_nobody(
    world: World, make_database: MakeDatabase
) -> None:
    dsn = old_ledger_of(
        make_database,
        r"UPDATE dispatch_executions SET account_name = E' \t\n' WHERE recommendation_id <= 10",
    )
    account = opened(world)

    _, done = imported(world, dsn, all_into(account))

    assert done == {account: ROWS}


@pytest.mark.parametrize("dsn", ["hush", "postgresql://somebody:a@hush@127.0.0.1/db"])
def test_what_is_no_connection_string_is_refused_without_its_password(dsn: str) -> None:
    with pytest.raises(BadInputError, match="--dsn") as refusal, old_ledger(dsn):
        pass

    assert "hush" not in str(refusal.value)


def test_an_execution_goes_into_one_account_and_no_other(
    world: World, make_database: MakeDatabase
) -> None:
    dsn = old_ledger_of(make_database)
    first, second = opened(world), opened(world)
    imported(world, dsn, all_into(first))

    plan, done = imported(world, dsn, all_into(second))

    assert done == {}
    assert {one.verdict for one in plan.not_imported} == {LeftOut.ELSEWHERE}
    assert legacy(world.log(second)) == []


def await_seat(world: World, account: AccountName, dispatcher: Running) -> None:
    while (holder := seat_of(world.cluster, account).holder) is None or "import" in (
        holder.client_id
    ):
        assert dispatcher.process.poll() is None, dispatcher.said()
        Event().wait(0.02)


def test_a_running_dispatcher_keeps_its_seat_and_the_import_is_refused(
    world: World, make_database: MakeDatabase
) -> None:
    # the usual session: it must not be lost because the machine is busy
    dsn, account, other = old_ledger_of(make_database), opened(world, ""), opened(world)
    dispatcher = world.start(account)
    await_seat(world, account, dispatcher)
    decisions = Decisions(accounts={"large-default": other}, unnamed=account)

    with pytest.raises(Refused, match="stop it, import"):
        imported(world, dsn, decisions)

    assert legacy(world.log(account)) == legacy(world.log(other)) == []
    assert "seat_lost" not in dispatcher.said()


def test_a_dispatcher_that_starts_meanwhile_waits_until_all_is_imported(
    world: World, make_database: MakeDatabase
) -> None:
    dsn, account = old_ledger_of(make_database), opened(world)
    started: list[Running] = []

    def start_one(title: str, _at: int, _end: int) -> None:
        if title.startswith("importing") and not started:
            started.append(world.start(account))
            while not seat_of(world.cluster, account).standbys:
                assert started[0].process.poll() is None, started[0].said()
                Event().wait(0.02)

    _, done = imported(world, dsn, all_into(account), start_one)
    world.await_log(account, lambda events: isinstance(events[-1], DispatcherStarted))
    started[0].send(signal.SIGTERM)

    assert started[0].exit_code() == 0
    assert done == {account: ROWS}
    kinds = [type(event).__name__ for event in world.log(account)]
    assert kinds[ROWS:] == ["LegacyExecutionImported", "DispatcherStarted", "DispatcherStopped"]


def test_an_account_that_was_never_opened_is_refused(
    world: World, make_database: MakeDatabase
) -> None:
    account = configured(world)

    with pytest.raises(Refused, match="never been opened"):
        imported(world, old_ledger_of(make_database), all_into(account))

    assert world.log(account) == []


def test_an_import_whose_seat_is_taken_writes_no_more(
    world: World, make_database: MakeDatabase
) -> None:
    dsn, account = old_ledger_of(make_database), opened(world)
    taken: list[Seat] = []

    def take_the_seat(title: str, _at: int, _end: int) -> None:
        if title.startswith("importing") and not taken:
            taken.append(Seat(world.cluster, account, 10_000))

    with pytest.raises(Fenced):
        imported(world, dsn, all_into(account), take_the_seat)

    assert len(legacy(world.log(account))) == 500


def killed(world: World, dsn: str, account: AccountName, when: str) -> int:
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "tests.legacy.killed_import"),
            *(str(world.config), dsn, account, when),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=TIMEOUT_S,
        check=False,
        capture_output=True,
    )
    assert done.returncode in (0, -9), done.stderr.decode()
    return len(legacy(world.log(account)))


@pytest.mark.parametrize(("when", "survive"), [("batch", 300), ("commit", 100)])
def test_an_import_that_is_killed_goes_on_where_its_log_ends(
    world: World, make_database: MakeDatabase, when: str, survive: int
) -> None:
    dsn, account = old_ledger_of(make_database), opened(world)

    assert killed(world, dsn, account, when) == survive
    _, done = imported(world, dsn, all_into(account))

    assert done == {account: ROWS - survive}
    assert Counter(e.execution_id for e in legacy(world.log(account))) == dict.fromkeys(
        old_ids(dsn), 1
    )


@pytest.mark.sweep
def test_an_import_killed_at_any_moment_ends_with_every_row_once(
    world: World, make_database: MakeDatabase
) -> None:
    dsn, account = old_ledger_of(make_database), opened(world)
    moments = random.Random(7)  # noqa: S311 -- when to kill
    counts = [killed(world, dsn, account, f"{moments.uniform(0.8, 4):.3f}") for _ in range(20)]

    imported(world, dsn, all_into(account))

    assert counts == sorted(counts)
    assert Counter(e.execution_id for e in legacy(world.log(account))) == dict.fromkeys(
        old_ids(dsn), 1
    )


def test_imported_rows_stand_in_the_tables_beside_ours_verified_and_rebuilt(
    world: World, make_database: MakeDatabase, database: str
) -> None:
    dsn, account = old_ledger_of(make_database), opened(world)
    tables = Tables(world.cluster, world.codec, database)
    imported(world, dsn, all_into(account))

    tables.catch_up()
    change(database, "DELETE FROM legacy_executions WHERE legacy_recommendation_id > 500")
    settings = RebuildSettings(
        cluster=world.cluster, postgres_dsn=database, build="test", by="test", now=SystemClock().now
    )
    [rebuilt] = rebuild(settings, world.codec, [LEGACY])

    found = verify(world.cluster, world.codec, database, PROJECTIONS)
    assert [one.differences for one in found] == [()] * len(PROJECTIONS)
    assert rebuilt.rows_changed == ROWS // 2
    with psycopg.connect(database) as connection:
        counts = connection.execute(
            "SELECT imported, count(*), sum(notional) FROM dispatch_views.execution_history "
            "GROUP BY 1"
        ).fetchall()
        told = connection.execute(
            "SELECT sum((row_json -> 'execution' ->> 'notional')::numeric) FROM legacy_executions"
        ).fetchall()
        old = connection.execute("SELECT sum(1000.00000010 * n) FROM generate_series(1, 1000) n")
        [(total,)] = old.fetchall()
    assert counts == [(True, ROWS, total)]
    assert told == [(total,)]
    assert rows(database, "dispatch_executions") == []


def test_a_database_that_is_not_the_old_one_is_refused(make_database: MakeDatabase) -> None:
    dsn = make_database()
    with pytest.raises(ConfigurationError, match="no table dispatch_executions"), old_ledger(dsn):
        pass

    change(dsn, "CREATE TABLE dispatch_executions (execution_id UUID, recommendation_id BIGINT)")
    with pytest.raises(ConfigurationError, match="no column simulated_ts"), old_ledger(dsn):
        pass
