"""How far the tables are behind the log, and waiting until a query sees what was written."""

import time
from threading import Thread

import pytest

from consumers.awaiting import await_tables
from consumers.cluster import Cluster
from consumers.errors import DifferenceFound, ServiceUnreachable
from consumers.freshness import Standing, standings
from events.codec import Codec
from projections.executions import EXECUTIONS
from projections.recommendations import RECOMMENDATIONS
from tests.projections.database import run
from tests.projections.projecting import PATIENCE_S, World, executed, projecting, traded

TINY = ("dispatch.events.tiny", 0)


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny")
    return world


def standing(world: World, now_s: float | None = None) -> Standing:
    now_s = time.time() if now_s is None else now_s
    [found] = standings(world.cluster, world.database, [EXECUTIONS], now_s)
    return found


def test_behind_counts_committed_records_and_no_marks_and_lag_is_the_age_of_the_oldest(
    world: World,
) -> None:
    world.write(traded("tiny", 2))  # 4 events, each behind an aborted one: 16 offsets

    before = standing(world, time.time() + 3600)

    assert (before.next_offset, before.end_offset) == (None, 16)
    assert (before.behind, before.behind_is_exact) == (4, True)
    assert 3500 < before.lag_seconds < 3700

    world.catch_up()
    assert (standing(world).behind, standing(world).lag_seconds) == (0, 0)

    # A projector may have stopped before the last transaction's mark: nothing is missing.
    run(world.database, "UPDATE projection_checkpoints SET next_offset = 15")
    at_the_mark = standing(world, time.time() + 3600)
    assert (at_the_mark.behind, at_the_mark.lag_seconds) == (0, 0)
    [found] = await_tables(world.cluster, world.database, [EXECUTIONS], {TINY: 16}, timeout_s=0)
    assert (found.offset, found.next_offset) == (16, 15)


def test_whoever_waits_for_an_offset_sees_in_the_tables_what_stands_before_it(
    world: World,
) -> None:
    log = traded("tiny", 3)
    with projecting(world) as running:
        writer = Thread(target=world.write, args=(log,))
        writer.start()

        await_tables(world.cluster, world.database, [EXECUTIONS], {TINY: 16}, PATIENCE_S)
        seen = executed(world.database)

        writer.join()
    assert running.errors == []
    assert seen[:2] == [("tiny", 1), ("tiny", 2)]


def test_a_wait_that_is_too_long_says_where_the_tables_stand_and_where_the_log_ends(
    world: World,
) -> None:
    world.write(traded("tiny", 1))
    dsn = world.database

    with pytest.raises(ServiceUnreachable, match=r"before offset 8: it has not begun\. Is a pro"):
        await_tables(world.cluster, dsn, [EXECUTIONS], {TINY: 8}, timeout_s=0)
    world.catch_up()
    with pytest.raises(ServiceUnreachable, match=r"checkpoint is 8; the topic itself ends at 8\."):
        await_tables(world.cluster, dsn, [EXECUTIONS], {TINY: 9}, timeout_s=0)


def test_what_is_parked_is_not_in_the_tables_however_far_the_checkpoint_is(world: World) -> None:
    world.write(traded("tiny", 1))
    world.catch_up()
    run(
        world.database,
        "INSERT INTO parked_events"
        " (projection, topic, partition, log_offset, account_name, headers)"
        " VALUES ('executions', 'dispatch.events.tiny', 0, 2, 'tiny', '[]')",
    )

    await_tables(world.cluster, world.database, [EXECUTIONS], {TINY: 2}, timeout_s=0)
    with pytest.raises(DifferenceFound, match=r"before offset 8 .* parked there \(1 of it\)"):
        await_tables(world.cluster, world.database, [EXECUTIONS], {TINY: 8}, timeout_s=0)


def test_waiting_needs_no_kafka_and_a_projection_that_does_not_read_the_topic_is_not_waited_for(
    world: World,
) -> None:
    world.write(traded("tiny", 1))
    world.catch_up()
    nowhere = Cluster("127.0.0.1:9", world.cluster.prefix)
    both = [EXECUTIONS, RECOMMENDATIONS]

    [found] = await_tables(nowhere, world.database, both, {TINY: 8}, timeout_s=0)

    assert found.projection == "executions"
