"""A projector that runs: what logs say is in the tables, once, and it goes on where they are."""

import pytest
from confluent_kafka import Consumer, TopicPartition

from consumers.errors import ConfigurationError, Fenced
from tests.projections.database import run
from tests.projections.driving import rows
from tests.projections.projecting import (
    PATIENCE_S,
    READ_LOGS,
    World,
    checkpoints,
    executed,
    projecting,
    traded,
)


def test_every_log_is_in_the_tables_once_it_has_caught_up(world: World) -> None:
    world.write(traded("tiny", 2))
    world.write(traded("large", 1))

    result = world.catch_up()

    assert result.progress.caught_up
    assert executed(world.database) == [("large", 1), ("tiny", 1), ("tiny", 2)]
    # 4 events, each behind an aborted one: records and markers take 16 offsets
    assert checkpoints(world.database, "dispatch.events.tiny") == {16}


def test_a_second_run_finds_nothing_to_do(world: World) -> None:
    world.write(traded("tiny", 2))
    world.catch_up()

    result = world.catch_up()

    assert (result.progress.records, result.stopped) == (0, False)


def test_it_goes_on_where_the_tables_are_whatever_kafka_thinks_of_its_group(world: World) -> None:
    world.write(traded("tiny", 2))
    world.catch_up()
    run(world.database, "DELETE FROM dispatch_executions WHERE recommendation_id = 1")
    log = traded("tiny", 3)
    world.write(log, log.events[4:])

    result = world.catch_up("another-group")

    assert result.progress.records == 2
    assert executed(world.database) == [("tiny", 2), ("tiny", 3)]


def test_a_stop_finishes_the_batch_and_tells_kafka_how_far_it_is(world: World) -> None:
    world.write(traded("tiny", 2))

    with projecting(world) as running:
        running.wait_until(lambda progress: progress.caught_up)
        running.stop.set()

    assert running.results[0].stopped
    consumer = Consumer(
        {
            "bootstrap.servers": world.cluster.bootstrap_servers,
            "group.id": world.cluster.group("projector"),
        }
    )
    topic = world.cluster.topic("dispatch.events.tiny")
    [committed] = consumer.committed([TopicPartition(topic, 0)], timeout=PATIENCE_S)
    consumer.close()
    assert {committed.offset} == checkpoints(world.database, "dispatch.events.tiny")


def test_an_account_that_comes_later_is_seen(world: World) -> None:
    with projecting(world) as running:
        running.wait_until(lambda progress: progress.caught_up)
        world.create("newcomer")
        world.write(traded("newcomer", 1))
        running.wait_until(lambda progress: progress.records == 2)

    assert executed(world.database) == [("newcomer", 1)]


def test_a_poisoned_account_stands_still_and_says_so_while_the_other_goes_on(
    world: World,
) -> None:
    run(
        world.database,
        "ALTER TABLE dispatch_orders ADD CONSTRAINT no_two CHECK (recommendation_id <> 2)",
    )
    world.write(traded("tiny", 3))
    world.write(traded("large", 1))

    with projecting(world) as running:
        # the last of the records read is the failure that it recorded itself
        running.wait_until(lambda progress: progress.caught_up and progress.records == 9)

    assert (running.progress.failed, running.progress.waiting) == (1, 3)
    assert executed(world.database) == [("large", 1), ("tiny", 1)]
    [failure] = rows(world.database, "dispatch_failures")
    assert (failure["kind"], failure["projection"]) == ("projection_failed", "executions")
    assert (failure["account_name"], failure["code"]) == ("tiny", "23514")
    assert len(rows(world.database, "recommendation_status")) == 4


def test_bytes_that_are_no_event_stop_their_account_and_are_kept(world: World) -> None:
    world.write_raw("dispatch.events.tiny", b"\xffjunk")
    world.write(traded("large", 1))

    world.catch_up()

    parked = rows(world.database, "parked_events")
    assert {row["projection"] for row in parked} == set(READ_LOGS)
    assert {row["value"] for row in parked} == {b"\xffjunk"}
    assert executed(world.database) == [("large", 1)]


def test_a_dead_letter_arrives_with_its_headers(world: World) -> None:
    world.write_raw(
        "dispatch.dead-letters",
        b"\x00\xff",
        {"dlq.reason": b"undecodable", "dlq.source.offset": b"7", "dlq.account": b"tiny"},
    )

    world.catch_up()

    [letter] = rows(world.database, "dead_letters")
    assert (letter["value"], letter["reason"]) == (b"\x00\xff", "undecodable")
    assert (letter["source_offset"], letter["account_name"]) == (7, "tiny")


def test_a_second_projector_on_the_same_tables_ends_one_of_them(world: World) -> None:
    log = traded("tiny", 40)
    world.write(log, log.events[:2])
    with projecting(world, "one") as one, projecting(world, "two") as two:
        one.wait_until(lambda progress: progress.caught_up)
        two.wait_until(lambda progress: progress.caught_up)
        world.write(log, log.events[2:])
        while not (one.errors or two.errors):
            one.wait_until(lambda progress: progress.records > 0)
        survivor = two if one.errors else one
        survivor.wait_until(lambda _: len(executed(world.database)) == 40)

    [error] = [*one.errors, *two.errors]
    assert isinstance(error, Fenced)
    assert executed(world.database) == [("tiny", number) for number in range(1, 41)]


def test_a_gap_between_a_checkpoint_and_what_kafka_kept_is_said_and_not_passed_over(
    world: World,
) -> None:
    log = traded("tiny", 3)
    world.write(log, log.events[:2])
    world.catch_up()
    world.write(log, log.events[2:])
    world.forget_before("tiny", 16)

    with pytest.raises(ConfigurationError, match="the offset to read next is gone"):
        world.catch_up()
