"""While PostgreSQL works on a batch the next is read; nothing under way is lost by it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Event

import psycopg

from consumers.projector.lane import Lane
from consumers.projector.projector import Projector
from consumers.projector.writer import Load, Part
from projections.executions import EXECUTIONS
from projections.prepared import Stretch
from projections.projection import Projection
from projections.status import STATUS
from tests.projections.database import wait_until_blocked
from tests.projections.driving import Driver, after, rows
from tests.projections.projecting import (
    World,
    checkpoints,
    executed,
    projecting,
    step_until,
    traded,
)


@contextmanager
def orders_locked(dsn: str) -> Iterator[None]:
    with psycopg.connect(dsn) as connection:
        connection.execute("LOCK TABLE dispatch_orders")
        yield


def test_a_projector_reads_on_while_postgresql_works(world: World) -> None:
    projector = Projector(replace(world.settings(), poll_timeout_ms=1), world.codec)
    projector.prepare(Event())
    try:
        # given: the ends of empty topics, which come as batches of their own, are behind it
        step_until(projector, lambda: projector.progress.caught_up and not projector.is_writing)
        before = projector.progress
        world.write(traded("tiny", 2))

        # when
        with orders_locked(world.database):
            step_until(projector, lambda: projector.is_writing)
            wait_until_blocked(world.database)

            # then
            assert projector.progress == before
            assert not projector.has_reached({})
        projector.settle()

        assert not projector.is_writing
        assert projector.progress.applied > before.applied
        step_until(projector, lambda: len(executed(world.database)) == 2)
    finally:
        projector.close()

    assert executed(world.database) == [("tiny", 1), ("tiny", 2)]


@contextmanager
def lane(dsn: str, projection: Projection) -> Iterator[Lane]:
    """Return a projection's lane, with tiny's log."""
    driver = Driver(dsn, projection)
    lane = Lane(driver.engine, backoff_ms=1, backoff_max_ms=1)
    lane.gain(("dispatch.events.tiny", 0), 0)
    yield lane
    driver.close()


def test_the_first_projection_has_its_rows_before_anything_is_made_ready_for_the_next(
    database: str,
) -> None:
    records = traded("tiny", 1).records()
    there: list[int] = []

    def read_on() -> Stretch:
        there.append(len(executed(database)))
        return Stretch.of(records)

    def load(first: Lane, second: Lane) -> Load:
        parts = [
            Part(first, after(records), lambda: Stretch.of(records)),
            Part(second, after(records), read_on),
        ]
        return Load(len(records), after(records), (), parts)

    with lane(database, EXECUTIONS) as first, lane(database, STATUS) as second:
        load(first, second).write({})

    assert there == [1]
    assert len(rows(database, "recommendation_status")) == 1


def test_what_was_made_ready_ahead_is_not_made_ready_again(database: str) -> None:
    records = traded("tiny", 1).records()
    there: list[int] = []

    def read_on() -> Stretch:
        there.append(len(executed(database)))
        return Stretch.of(records)

    with lane(database, EXECUTIONS) as only:
        load = Load(len(records), after(records), (), [Part(only, after(records), read_on)])
        load.prepare()
        load.write({})

    assert there == [0]
    assert len(executed(database)) == 1


def test_a_stop_finishes_the_batch_that_postgresql_is_working_on(world: World) -> None:
    with projecting(world) as running:
        running.wait_until(lambda progress: progress.caught_up)
        with orders_locked(world.database):
            world.write(traded("tiny", 1))
            wait_until_blocked(world.database)
            running.stop.set()

    [result] = running.results
    assert result.stopped
    assert result.progress.records >= 1
    assert len(checkpoints(world.database, "dispatch.events.tiny")) == 1


def test_a_projector_that_joins_takes_over_what_another_is_writing_without_losing_any(
    world: World,
) -> None:
    logs = [traded("tiny", 30), traded("large", 30)]
    with projecting(world) as one:
        one.wait_until(lambda progress: progress.caught_up)
        with ExitStack() as stack:
            with orders_locked(world.database):
                for log in logs:
                    world.write(log, log.events[:2])
                wait_until_blocked(world.database)
                two = stack.enter_context(projecting(world))
            for log in logs:
                world.write(log, log.events[2:])
            two.wait_until(lambda progress: progress.caught_up)
            two.wait_until(lambda _: len(executed(world.database)) == 60)

    assert one.errors == two.errors == []
    assert len(executed(world.database)) == 60
