"""The projector as it is; and a reader that copies as many finished rows into bare tables."""

import time
from collections import defaultdict
from dataclasses import replace
from threading import Event
from typing import Final, TypeAlias

from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from bench.process import answer, peak_memory_mib
from bench.story import CYCLE, FIRST_ID, cycle_of_advice, cycle_of_events, restamped
from consumers.cluster import Cluster
from consumers.kafka import consume_batch, consumer_config, offset_of, partition_of
from consumers.offsets import end_offset
from consumers.projector.run import run_projector
from consumers.projector.settings import Progress, ProjectorSettings
from consumers.registry import RegistrySchemaSource
from events.avro import Json
from events.catalog import AnyEvent
from events.codec import Codec
from events.envelope import Origin
from events.identifiers import AccountName
from events.topics import RECOMMENDATIONS, log_of
from projections.catalog import projection_named
from projections.copying import copy_text
from projections.projection import Projection
from projections.session import Connection, Session
from projections.stage import columns_of

BATCH: Final = 2000
_STAND_IN: Final = 5_432_100
_STAND_IN_TEXT: Final = str(_STAND_IN).encode()
_Place: TypeAlias = tuple[int, list[tuple[str, bytes]]]
_KEYS: Final = {
    "stage_order_intents": "account_name, client_order_id",
    "stage_order_states": "account_name, client_order_id, state",
    "stage_fills": "account_name, client_order_id, fill_key",
    "stage_decisions": "recommendation_id, account_name",
    "stage_statuses": "recommendation_id, account_name, status_offset",
    "stage_recommendations": "id",
}


class _Asked(RegistrySchemaSource):
    """A registry that knows when it was first asked what bytes mean: with the first record."""

    at: float | None = None

    def schema_of(self, schema_id: int) -> Json | None:
        """Return the schema of an id, as ever."""
        if self.at is None:
            self.at = time.monotonic()
        return super().schema_of(schema_id)


def project(
    bootstrap_servers: str, prefix: str, registry_url: str, dsn: str, projections: list[str]
) -> None:
    """Project all there is, timed from the first record read to the last checkpoint."""
    source = _Asked(registry_url)
    settings = ProjectorSettings(
        cluster=Cluster(bootstrap_servers, prefix),
        postgres_dsn=dsn,
        build="bench",
        group=f"projector-{dsn.rpartition('/')[2]}",
        projections=tuple(projection_named(name) for name in projections),
        batch_records_max=BATCH,
    )
    records, ended = 0, 0.0

    def note(progress: Progress) -> None:
        nonlocal records, ended
        if progress.records > records:
            records, ended = progress.records, time.monotonic()

    result = run_projector(
        settings, Codec(source), stop=Event(), until_caught_up=True, on_progress=note
    )
    source.close()
    if result.progress.failed or result.progress.waiting or source.at is None:
        raise RuntimeError(f"the projector did not apply everything: {result.progress}")
    seconds = ended - source.at
    answer(records=records, seconds=seconds, peak_memory_mib=peak_memory_mib())


def project_floor(
    bootstrap_servers: str, prefix: str, dsn: str, projections: list[str], account: str
) -> None:
    """Read the same records; copy as many rows, finished but for their numbers, per batch."""
    cluster, name = Cluster(bootstrap_servers, prefix), AccountName(account)
    wanted = [projection_named(one) for one in projections]
    finished = {
        cluster.topic(topic): places
        for topic, places in _finished(wanted, name).items()
        if any(one.reads(topic) for one in wanted)
    }
    connection = Session(dsn).connection()
    copies = create_tables(connection, wanted)
    consumer = Consumer(consumer_config(bootstrap_servers, cluster.group("floor")))
    ends = {topic: end_offset(consumer, topic) for topic in finished}
    consumer.assign([TopicPartition(topic, 0, 0) for topic in finished])
    records, reached = 0, dict.fromkeys(finished, 0)
    began = 0.0
    while any(reached[topic] < end for topic, end in ends.items()):
        batch = consume_batch(consumer, BATCH, 0.2)
        began = began or time.monotonic()
        texts = defaultdict[str, list[bytes]](list)
        for message in batch.messages:
            topic, offset = partition_of(message)[0], offset_of(message)
            reached[topic] = offset + 1
            opening = len(finished[topic]) != CYCLE  # a log starts with AccountOpened
            if not (opening and offset == 0):
                turn, place = divmod(offset - opening, len(finished[topic]))
                number, rows = finished[topic][place]
                identifier = str(FIRST_ID + CYCLE * turn + number).encode()
                for stage, text in rows:
                    texts[stage].append(text.replace(_STAND_IN_TEXT, identifier))
        records += len(batch.messages)
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("UPDATE floor_checkpoint SET next_offset = %s", (records,))
            for stage, lines in texts.items():
                with cursor.copy(copies[stage]) as copy:
                    copy.write(b"".join(lines))
    seconds = time.monotonic() - began
    consumer.close()
    answer(records=records, seconds=seconds, peak_memory_mib=peak_memory_mib())


def _finished(wanted: list[Projection], account: AccountName) -> dict[str, list[_Place]]:
    """Return, by topic, each record of a cycle: its recommendation's number, its rows as text."""
    log, number = log_of(account).name, _STAND_IN - FIRST_ID
    advice = [replace(one, recommendation_id=_STAND_IN) for one in cycle_of_advice()]
    events = [(of, restamped(event, number, 0)) for of, event in cycle_of_events(account)]
    return {
        log: [(of, _rows(wanted, log, place, event)) for place, (of, event) in enumerate(events)],
        RECOMMENDATIONS.name: [
            (of, _rows(wanted, RECOMMENDATIONS.name, of, one)) for of, one in enumerate(advice)
        ],
    }


def _rows(
    wanted: list[Projection], topic: str, place: int, event: AnyEvent
) -> list[tuple[str, bytes]]:
    origin = Origin(topic=topic, partition=0, offset=place)
    return [
        (stage.name, copy_text([row]))
        for projection in wanted
        if projection.reads(topic)
        for row in projection.rows(event, origin)
        for stage in projection.stages
        if stage.row is type(row)
    ]


def create_tables(connection: Connection, wanted: list[Projection]) -> dict[str, sql.SQL]:
    """Create a bare table with its key for every stage that gets rows; return their COPYs."""
    connection.execute("CREATE TABLE floor_checkpoint (next_offset BIGINT)")
    connection.execute("INSERT INTO floor_checkpoint VALUES (0)")
    copies: dict[str, sql.SQL] = {}
    for stage in (stage for projection in wanted for stage in projection.stages):
        if stage.name in _KEYS:
            columns = f"{stage.columns_sql()}, PRIMARY KEY ({_KEYS[stage.name]})"
            connection.execute(sql.SQL(f"CREATE TABLE floor_{stage.name} ({columns})"))
            copies[stage.name] = sql.SQL(
                f"COPY floor_{stage.name} ({columns_of(stage.row)}) FROM STDIN"
            )
    return copies
