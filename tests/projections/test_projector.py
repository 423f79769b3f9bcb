import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import psycopg
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.cluster import Cluster
from consumers.errors import ConfigurationError, Fenced, ServiceUnreachable
from consumers.projector.projector import Projector
from events.avro import Json
from events.catalog import AnyEvent
from events.codec import Codec, SchemaSource
from events.identifiers import AccountName
from projections.catalog import PROJECTIONS
from tests.projections.driving import rows
from tests.projections.projecting import PATIENCE_S, World, projecting
from tests.projections.story import KnownSchemas, Log

READ_LOGS = [projection.name for projection in PROJECTIONS if projection.reads_logs]
EVERY_ONE = len(PROJECTIONS)


@pytest.fixture
def world(cluster: Cluster, codec: Codec, database: str) -> World:
    world = World(cluster, codec, database)
    world.create("tiny", "large")
    return world


def traded(account: str, count: int, *, first: int = 1) -> Log:
    log = Log(AccountName(account))
    for number in range(first, first + count):
        log.intended(number)
        log.filled(number, "10", "100")
    return log


def executed(dsn: str) -> list[tuple[str, int]]:
    found = rows(dsn, "dispatch_executions", "account_name, recommendation_id")
    return [(row["account_name"], row["recommendation_id"]) for row in found]


def checkpoints(dsn: str, topic: str) -> set[int]:
    return {
        row["next_offset"] for row in rows(dsn, "projection_checkpoints") if row["topic"] == topic
    }


def run(dsn: str, query: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(query.encode())


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


def close_database(dsn: str, *, closed: bool) -> None:
    """Make PostgreSQL refuse everybody at this database, as it does while it starts."""
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    name = str(parts["dbname"])
    elsewhere = psycopg.conninfo.make_conninfo(dsn, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        allowed = "false" if closed else "true"
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}".encode())
        if closed:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (name,),
            )


def test_while_postgresql_is_away_nothing_is_parked_and_afterwards_it_catches_up_alone(
    world: World,
) -> None:
    log = traded("tiny", 3)
    world.write(log, log.events[:2])
    with projecting(world) as running:
        running.wait_until(lambda progress: progress.caught_up and progress.records == 2)
        close_database(world.database, closed=True)
        world.write(log, log.events[2:4])
        running.wait_until(lambda progress: len(progress.interrupted) == len(READ_LOGS))
        world.write(log, log.events[4:])
        close_database(world.database, closed=False)
        running.wait_until(lambda progress: progress.caught_up and not progress.interrupted)

    assert running.errors == []
    assert executed(world.database) == [("tiny", 1), ("tiny", 2), ("tiny", 3)]
    assert rows(world.database, "parked_events") == []
    assert running.progress.failed == 0


def test_it_starts_while_postgresql_is_away(world: World) -> None:
    world.write(traded("tiny", 1))
    close_database(world.database, closed=True)

    with projecting(world) as running:
        running.wait_until(lambda progress: len(progress.interrupted) == EVERY_ONE)
        close_database(world.database, closed=False)
        running.wait_until(lambda progress: progress.caught_up)

    assert executed(world.database) == [("tiny", 1)]


def test_a_projection_that_cannot_write_lets_the_others_pass_and_loses_nothing(
    world: World,
) -> None:
    log = traded("tiny", 4)
    run(world.database, "ALTER TABLE dispatch_fills RENAME TO hidden")
    world.write(log, log.events[:4])
    with projecting(world) as running:
        running.wait_until(lambda progress: progress.interrupted == ("executions",))
        world.write(log, log.events[4:])
        running.wait_until(lambda _: len(rows(world.database, "recommendation_status")) == 4)
        run(world.database, "ALTER TABLE hidden RENAME TO dispatch_fills")
        running.wait_until(lambda progress: progress.caught_up)

    assert executed(world.database) == [("tiny", number) for number in (1, 2, 3, 4)]
    assert rows(world.database, "parked_events") == []


def test_a_projection_that_went_back_is_not_carried_forward_by_one_that_was_ahead_of_it(
    world: World,
) -> None:
    log = traded("tiny", 3)
    projector = Projector(
        replace(world.settings(), poll_timeout_ms=1, backoff_max_ms=20), world.codec
    )
    projector.prepare(Event())
    try:
        run(world.database, "ALTER TABLE dispatch_fills RENAME TO fills_away")
        world.write(log, log.events[:2])
        step_until(projector, lambda: projector.progress.interrupted == ("executions",))
        world.write(log, log.events[2:4])
        step_until(projector, lambda: len(rows(world.database, "recommendation_status")) == 2)
        run(world.database, "ALTER TABLE recommendation_status RENAME TO status_away")
        world.write(log, log.events[4:])
        step_until(projector, lambda: len(projector.progress.interrupted) == 2)

        run(world.database, "ALTER TABLE fills_away RENAME TO dispatch_fills")
        step_until(projector, lambda: "executions" not in projector.progress.interrupted)
        run(world.database, "ALTER TABLE status_away RENAME TO recommendation_status")
        step_until(projector, lambda: projector.progress.caught_up)
    finally:
        projector.close()

    assert executed(world.database) == [("tiny", 1), ("tiny", 2), ("tiny", 3)]
    assert len(rows(world.database, "recommendation_status")) == 3


def test_for_a_projection_that_still_cannot_write_no_other_reads_anything_again(
    world: World,
) -> None:
    log = traded("tiny", 4)
    projector = Projector(
        replace(world.settings(), poll_timeout_ms=1, backoff_ms=1, backoff_max_ms=2), world.codec
    )
    projector.prepare(Event())
    try:
        run(world.database, "ALTER TABLE dispatch_fills RENAME TO fills_away")
        world.write(log, log.events[:4])
        step_until(projector, lambda: projector.progress.interrupted == ("executions",))
        world.write(log, log.events[4:])
        step_until(projector, lambda: len(rows(world.database, "recommendation_status")) == 4)
        for _ in range(100):  # each takes a millisecond, and every second one it tries again
            projector.step()
        read_meanwhile = projector.progress.records
        run(world.database, "ALTER TABLE fills_away RENAME TO dispatch_fills")
        step_until(projector, lambda: projector.progress.caught_up)
    finally:
        projector.close()

    assert read_meanwhile == len(log.events)
    assert executed(world.database) == [("tiny", number) for number in (1, 2, 3, 4)]


def test_for_a_projection_that_cannot_begin_no_other_reads_anything_again(world: World) -> None:
    log = traded("tiny", 4)
    world.write(log, log.events[:6])
    world.catch_up()
    run(world.database, "ALTER TABLE projection_folds RENAME TO folds_away")
    projector = Projector(replace(world.settings(), poll_timeout_ms=1), world.codec)
    projector.prepare(Event())
    try:
        world.write(log, log.events[6:])
        step_until(projector, lambda: len(executed(world.database)) == 4)
        read_meanwhile = projector.progress.records
        interrupted = projector.progress.interrupted
        run(world.database, "ALTER TABLE folds_away RENAME TO projection_folds")
        step_until(projector, lambda: projector.progress.caught_up)
    finally:
        projector.close()

    assert (interrupted, read_meanwhile) == (("accounts",), len(log.events) - 6)
    [state] = rows(world.database, "account_state")
    assert state["executed_count"] == 4


class NotFetchingYet(Consumer):
    """Kafka's client as it is before it has begun to fetch: the first times, it refuses to seek."""

    refusals = 0

    def seek(self, partition: TopicPartition) -> None:
        if NotFetchingYet.refusals:
            NotFetchingYet.refusals -= 1
            raise KafkaException(KafkaError(KafkaError._STATE))  # noqa: SLF001 -- a public code
        super().seek(partition)


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_where_kafka_cannot_go_back_yet_it_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    monkeypatch.setattr("consumers.projector.reader.Consumer", NotFetchingYet)
    world.create("large")
    world.write(traded("tiny", 2))
    world.write(traded("large", 1))
    close_database(world.database, closed=True)

    with projecting(world) as running:
        running.wait_until(lambda progress: len(progress.interrupted) == EVERY_ONE)
        monkeypatch.setattr(NotFetchingYet, "refusals", refusals)
        close_database(world.database, closed=False)
        running.wait_until(lambda progress: progress.caught_up)

    assert NotFetchingYet.refusals == 0
    assert executed(world.database) == [("large", 1), ("tiny", 1), ("tiny", 2)]


def step_until(projector: Projector, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, projector.progress
        projector.step()


class FlakyRegistry:
    """A registry that is down until told otherwise."""

    def __init__(self, source: SchemaSource) -> None:
        self.source = source
        self.down = True

    def id_of(self, event_type: type[AnyEvent]) -> int:
        return self.source.id_of(event_type)

    def schema_of(self, schema_id: int) -> Json | None:
        if self.down:
            raise ServiceUnreachable("the registry does not answer")
        return self.source.schema_of(schema_id)


def test_while_the_registry_is_away_nothing_is_parked_and_afterwards_it_catches_up(
    cluster: Cluster, database: str
) -> None:
    registry = FlakyRegistry(KnownSchemas())
    world = World(cluster, Codec(registry), database)
    world.create("tiny")
    world.write(traded("tiny", 2))

    with projecting(world) as running:
        running.wait_until(lambda progress: len(progress.interrupted) == EVERY_ONE)
        registry.down = False
        running.wait_until(lambda progress: progress.caught_up and progress.records > 0)

    assert executed(world.database) == [("tiny", 1), ("tiny", 2)]
    assert rows(world.database, "parked_events") == []


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
