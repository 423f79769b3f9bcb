"""A projector beside migrations of a newer build: what only adds is nothing to it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumers.cluster import Cluster
from events.codec import Codec
from migrations.apply import migrate
from tests.migrations.by_hand import FILES
from tests.projections.driving import rows
from tests.projections.projecting import Running, World, executed, projecting, traded
from tests.projections.story import Log
from tests.projections.verifying import verified

EXPANSION = """
-- Order: expand
ALTER TABLE dispatch_executions ADD COLUMN venue TEXT;
ALTER TABLE dispatch_orders ADD COLUMN venue TEXT;
ALTER TABLE recommendation_status ADD COLUMN weight NUMERIC(10, 4);
ALTER TABLE account_state ADD COLUMN venue_count BIGINT;
CREATE TABLE venues (name TEXT PRIMARY KEY);
CREATE INDEX idx_dispatch_fills_price ON dispatch_fills (price);
"""
CONTRACTION = """
-- Order: contract, needs every projector at a release that writes costs
ALTER TABLE dispatch_fills RENAME COLUMN fees TO costs;
"""
UNDOING = """
-- Order: contract, needs every projector at a release that writes fees
ALTER TABLE dispatch_fills RENAME COLUMN costs TO fees;
"""


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny")
    return world


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The files of a newer build, to which a test adds its own."""
    for file in FILES:
        shutil.copy(file, tmp_path)
    return tmp_path


def released(world: World, newer: Path, name: str, sql: str) -> None:
    (newer / f"{name}.sql").write_text(f"-- Why: a test.\nSET lock_timeout = '2s';\n{sql}")
    assert migrate(world.database, folder=newer) == [name]


@contextmanager
def halfway(world: World) -> Iterator[tuple[Log, Running]]:
    """A projector at work, with two trades of four in its tables; the rest is yet to be written."""
    log = traded("tiny", 4)
    with projecting(world) as running:
        world.write(log, log.events[:4])
        running.wait_until(lambda _: len(executed(world.database)) == 2)
        yield log, running


def assert_nothing_differs(world: World) -> None:
    assert rows(world.database, "parked_events") == []
    for found in verified(world):
        assert found.differences == ()


def test_a_projector_of_the_version_before_goes_on_while_a_newer_build_expands_the_tables(
    world: World, newer: Path
) -> None:
    with halfway(world) as (log, running):
        released(world, newer, "2000_expand", EXPANSION)

        world.write(log, log.events[4:])
        running.wait_until(lambda _: len(executed(world.database)) == 4)
        running.wait_until(lambda progress: progress.caught_up)

    assert running.errors == []
    assert running.progress.failed == 0
    assert {row["venue"] for row in rows(world.database, "dispatch_executions")} == {None}
    assert_nothing_differs(world)


def test_a_contraction_that_came_too_early_parks_nothing_and_stops_its_own_projection_only(
    world: World, newer: Path
) -> None:
    with halfway(world) as (log, running):
        released(world, newer, "2001_contract", CONTRACTION)
        world.write(log, log.events[4:])
        running.wait_until(lambda progress: progress.interrupted == ("executions",))
        running.wait_until(lambda _: len(rows(world.database, "recommendation_status")) == 4)
        assert len(executed(world.database)) == 2
        assert rows(world.database, "parked_events") == []

        released(world, newer, "2002_undo", UNDOING)
        running.wait_until(lambda _: len(executed(world.database)) == 4)
        running.wait_until(lambda progress: progress.caught_up)

    assert running.errors == []
    assert_nothing_differs(world)
