"""A database that cannot answer, and a second projector: nothing is parked, nothing is lost."""

from collections.abc import Iterator
from threading import Event, Thread

import psycopg
import pytest

from events.identifiers import AccountName
from projections.engine import Applied
from projections.executions import EXECUTIONS
from projections.faults import (
    CheckpointLost,
    CheckpointRewound,
    DatabaseUnavailable,
    StatementRefused,
    is_about_the_row,
)
from projections.status import STATUS
from tests.projections.database import run, wait_until_blocked
from tests.projections.driving import Driver, after, rows
from tests.projections.projecting import traded
from tests.projections.story import Log


@pytest.fixture
def driver(database: str) -> Iterator[Driver]:
    driver = Driver(database, EXECUTIONS)
    yield driver
    driver.close()


def cut_connections(dsn: str) -> None:
    run(
        dsn,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'dispatcher-projector'",
    )


def test_a_second_projector_loses_and_its_batch_leaves_no_trace(
    database: str, driver: Driver
) -> None:
    stream = traded("tiny", 2).records()
    second = Driver(database, EXECUTIONS)
    driver.begin(stream)
    second.begin(stream)
    driver.engine.apply(stream[:2], after(stream[:2]))

    with pytest.raises(CheckpointLost, match="another projector has moved the checkpoint"):
        second.engine.apply(stream, after(stream))
    second.close()

    assert len(rows(database, "dispatch_executions")) == 1
    assert driver.engine.apply(stream, after(stream)) == Applied(applied=2)


def test_a_second_projector_that_waits_for_the_first_one_s_commit_loses_too(
    database: str, driver: Driver
) -> None:
    stream = traded("tiny", 1).records()
    second = Driver(database, EXECUTIONS)
    driver.begin(stream)
    second.begin(stream)
    lost = Event()

    def apply_second() -> None:
        with pytest.raises(CheckpointLost):
            second.engine.apply(stream, after(stream))
        lost.set()

    with psycopg.connect(database) as first:
        first.execute("UPDATE projection_checkpoints SET next_offset = 2")
        thread = Thread(target=apply_second)
        thread.start()
        wait_until_blocked(database)
    thread.join(timeout=10)
    second.close()

    assert lost.is_set()
    assert rows(database, "dispatch_executions") == []


def test_a_cut_connection_parks_nothing_and_the_same_batch_goes_on(
    database: str, driver: Driver
) -> None:
    stream = traded("tiny", 3).records()
    driver.apply(stream[:2])
    cut_connections(database)

    with pytest.raises(DatabaseUnavailable, match="PostgreSQL cannot answer"):
        driver.engine.apply(stream, after(stream))
    assert driver.engine.apply(stream, after(stream)) == Applied(applied=4)

    assert rows(database, "parked_events") == []
    assert driver.failures.heard == []
    assert len(rows(database, "dispatch_executions")) == 3


def test_a_connection_cut_between_the_halves_of_a_batch_loses_no_half(
    database: str, driver: Driver
) -> None:
    run(
        database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_poison CHECK (ticker <> 'POISON')",
    )
    log = traded("tiny", 2)
    log.intended(3, ticker="POISON")
    large = traded("large", 3)
    stream = [*log.records(), *large.records()]
    driver.failures.refuses = True  # Kafka is away when the culprit is found …

    with pytest.raises(Exception, match="could not be recorded"):
        driver.apply(stream)
    cut_connections(database)  # … and then PostgreSQL is, too
    driver.failures.refuses = False
    with pytest.raises(DatabaseUnavailable):
        driver.engine.apply(stream, after(stream))
    driver.engine.apply(stream, after(stream))

    assert [failure.offset for failure in driver.failures.heard] == [4]
    found = rows(database, "dispatch_executions", "account_name, recommendation_id")
    assert [(row["account_name"], row["recommendation_id"]) for row in found] == [
        ("large", 1),
        ("large", 2),
        ("large", 3),
        ("tiny", 1),
        ("tiny", 2),
    ]


def test_a_locked_table_is_waited_for_and_parks_nothing(database: str, driver: Driver) -> None:
    stream = traded("tiny", 1).records()
    driver.begin(stream)
    driver.session.connection().execute("SET lock_timeout = '50ms'")
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE dispatch_fills")
        with pytest.raises(DatabaseUnavailable) as caught:
            driver.engine.apply(stream, after(stream))

    assert caught.value.sqlstate == psycopg.errors.LockNotAvailable.sqlstate
    assert driver.engine.apply(stream, after(stream)) == Applied(applied=2)
    assert rows(database, "parked_events") == []


def test_a_table_that_a_migration_has_yet_to_bring_parks_nothing(
    database: str, driver: Driver
) -> None:
    stream = traded("tiny", 1).records()
    run(database, "ALTER TABLE dispatch_fills RENAME TO hidden")

    with pytest.raises(DatabaseUnavailable, match="dispatch_fills"):
        driver.apply(stream)
    assert driver.failures.heard == []

    run(database, "ALTER TABLE hidden RENAME TO dispatch_fills")
    assert driver.engine.apply(stream, after(stream)) == Applied(applied=2)


def test_tables_of_another_build_stop_the_projector_with_a_sentence_and_park_nothing(
    database: str, driver: Driver
) -> None:
    stream = traded("tiny", 1).records()
    run(database, "DROP INDEX uq_dispatch_executions_recommendation_account")

    with pytest.raises(StatementRefused, match="refuses a statement of this build"):
        driver.apply(stream)

    assert rows(database, "parked_events") == []
    run(
        database,
        "CREATE UNIQUE INDEX uq_dispatch_executions_recommendation_account"
        " ON dispatch_executions (recommendation_id, account_name)",
    )
    assert driver.apply(stream) == Applied(applied=2)


def test_a_projection_that_cannot_write_holds_up_no_other(database: str, driver: Driver) -> None:
    stream = traded("tiny", 1).records()
    run(database, "ALTER TABLE dispatch_fills RENAME TO hidden")

    with pytest.raises(DatabaseUnavailable):
        driver.apply(stream)

    status = Driver(database, STATUS)
    assert status.apply(stream) == Applied(applied=2)
    status.close()


def test_commits_that_postgresql_lost_in_a_crash_are_read_again_from_the_log(
    database: str, driver: Driver
) -> None:
    stream = traded("tiny", 3).records()
    driver.apply(stream[:4])
    run(database, "UPDATE projection_checkpoints SET next_offset = 2")  # as a lost commit leaves it

    with pytest.raises(CheckpointRewound, match="the log still has it"):
        driver.engine.apply(stream[4:], after(stream[4:]))
    with pytest.raises(CheckpointRewound):
        driver.engine.apply(stream[4:], after(stream[4:]))

    assert driver.engine.checkpoints == {("dispatch.events.tiny", 0): 2}
    assert driver.engine.apply(stream[2:], after(stream[2:])) == Applied(applied=4)


def test_a_crash_that_lost_the_commits_of_one_log_alone_is_no_second_projector(
    database: str, driver: Driver
) -> None:
    # given: two accounts' logs, of which the one's last commit is gone
    tiny, large = traded("tiny", 3).records(), traded("large", 3).records()
    driver.apply([*tiny[:4], *large[:4]])
    run(
        database,
        "UPDATE projection_checkpoints SET next_offset = 2 WHERE topic = 'dispatch.events.large'",
    )
    rest = [*tiny[4:], *large[4:]]

    # when: the next batch is of both
    with pytest.raises(CheckpointRewound, match="the log still has it"):
        driver.engine.apply(rest, after(rest))
    driver.engine.resume()

    # then: nothing of it is there, and all of it comes
    assert driver.engine.checkpoints == {
        ("dispatch.events.tiny", 0): 4,
        ("dispatch.events.large", 0): 2,
    }
    again = [*tiny[4:], *large[2:]]
    assert driver.engine.apply(again, after(again)) == Applied(applied=6)
    assert len(rows(database, "dispatch_executions")) == 6


def test_a_second_projector_in_one_of_two_logs_is_one_whatever_the_other_says(
    database: str, driver: Driver
) -> None:
    tiny, large = traded("tiny", 2).records(), traded("large", 2).records()
    both = [*tiny, *large]
    second = Driver(database, EXECUTIONS)
    driver.begin(both)
    second.begin(both)
    driver.engine.apply(large, after(large))

    with pytest.raises(CheckpointLost, match="large"):
        second.engine.apply(both, after(both))
    second.close()

    assert {row["account_name"] for row in rows(database, "dispatch_executions")} == {"large"}


def test_a_commit_whose_answer_was_lost_is_recognised_as_our_own(
    database: str, driver: Driver
) -> None:
    stream = traded("tiny", 2).records()
    driver.begin(stream)
    cut_at_commit = """
    CREATE FUNCTION cut() RETURNS TRIGGER LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON dispatch_fills
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut();
    """
    run(database, cut_at_commit)
    with pytest.raises(DatabaseUnavailable):
        driver.engine.apply(stream, after(stream))
    run(database, "DROP TRIGGER cut ON dispatch_fills")
    # The answer, not the commit, is what got lost: the checkpoint stands where the batch put it.
    run(database, "UPDATE projection_checkpoints SET next_offset = 4")

    assert driver.engine.apply(stream, after(stream)) == Applied()
    assert driver.engine.checkpoints == {("dispatch.events.tiny", 0): 4}


def test_the_checkpoint_passes_over_the_holes_that_transactions_leave(
    database: str, driver: Driver
) -> None:
    stream = traded("tiny", 1).records()
    driver.apply(stream)

    driver.engine.apply([], {("dispatch.events.tiny", 0): 9})

    assert rows(database, "projection_checkpoints")[0]["next_offset"] == 9


def test_an_unreachable_database_is_named_in_a_sentence() -> None:
    driver = Driver("postgresql://nobody@127.0.0.1:1/nothing", EXECUTIONS)

    with pytest.raises(DatabaseUnavailable, match="PostgreSQL cannot answer"):
        driver.engine.begin(("dispatch.events.tiny", 0), 0)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DiskFull,
        psycopg.errors.DeadlockDetected,
        psycopg.errors.SerializationFailure,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.TooManyConnections,
        psycopg.errors.AdminShutdown,
        psycopg.errors.QueryCanceled,
        psycopg.errors.InFailedSqlTransaction,
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.UndefinedTable,
        psycopg.errors.InsufficientPrivilege,
        psycopg.OperationalError,
        psycopg.InterfaceError,
        MemoryError,
    ],
)
def test_what_is_not_the_event_s_fault_is_waited_for(error: type[Exception]) -> None:
    assert not is_about_the_row(error())


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.CheckViolation,
        psycopg.errors.NotNullViolation,
        psycopg.errors.NumericValueOutOfRange,
        psycopg.errors.InvalidTextRepresentation,
        psycopg.errors.CardinalityViolation,
        psycopg.errors.ProgramLimitExceeded,
        psycopg.errors.RaiseException,
        psycopg.DataError,
        ZeroDivisionError,
    ],
)
def test_what_is_the_event_s_fault_is_parked(error: type[Exception]) -> None:
    assert is_about_the_row(error())


def test_records_that_say_nothing_move_the_checkpoint_and_no_further_than_a_waiting_topic_s(
    database: str,
) -> None:
    log = Log(AccountName("tiny"))
    for number in (1, 2, 3):
        log.declined(number)
    large = Log(AccountName("large"))
    large.declined(1)
    stream = [*log.records(), *large.records()]
    driver = Driver(database, EXECUTIONS)
    driver.begin(stream)
    run(
        database,
        "INSERT INTO parked_events (projection, topic, partition, log_offset, account_name,"
        " headers) VALUES ('executions', 'dispatch.events.tiny', 0, 0, 'tiny', '[]')",
    )

    first = driver.engine.apply(stream[1:], {**after(stream), ("dispatch.events.large", 0): 5})
    run(database, "DELETE FROM parked_events")
    second = driver.engine.apply([], {("dispatch.events.tiny", 0): 9})
    other = Driver(database, EXECUTIONS)
    other.begin(stream)
    other.engine.apply([], {("dispatch.events.tiny", 0): 11, ("dispatch.events.large", 0): 6})
    with pytest.raises(CheckpointLost):
        driver.engine.apply([], {("dispatch.events.tiny", 0): 10, ("dispatch.events.large", 0): 7})
    other.close()
    driver.close()

    assert first == Applied(applied=1, waiting=2)
    assert second == Applied()
    found = rows(database, "projection_checkpoints", "topic")
    assert [row["next_offset"] for row in found] == [6, 11]
