"""What is away is waited for: nothing is parked, and no other projection waits or reads again."""

from dataclasses import replace
from threading import Event

import psycopg
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.cluster import Cluster
from consumers.errors import ServiceUnreachable
from consumers.projector.projector import Projector
from events.avro import Json
from events.catalog import AnyEvent
from events.codec import Codec, SchemaSource
from projections.catalog import PROJECTIONS
from tests.projections.database import run
from tests.projections.driving import rows
from tests.projections.projecting import READ_LOGS, World, executed, projecting, step_until, traded
from tests.projections.story import KnownSchemas

EVERY_ONE = len(PROJECTIONS)


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
        step_until(  # what is still being written is not counted yet
            projector, lambda: not projector.is_writing and len(executed(world.database)) == 4
        )
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
