"""Whoever reads the tables while they are told anew sees them whole, under the names they had."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.projections.database import run
from tests.projections.projecting import World, executed, projecting, traded
from tests.projections.rebuilding import EXECUTIONS, content, is_verified, names, rebuilt


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
