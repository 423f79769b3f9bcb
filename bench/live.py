"""Two projectors of one group at work on two accounts, beside what two processes can do at best."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any, Final

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from bench.ground import Ground, database
from bench.process import answer, running_task
from bench.projecting import BATCH, create_tables
from bench.results import Figure
from bench.story import history
from consumers.cluster import Cluster
from consumers.dispatcher.process import stop_on_signals
from consumers.kafka import consume_batch, consumer_config
from consumers.projector.reading import record_of
from consumers.projector.run import run_projector
from consumers.projector.settings import Progress, ProjectorSettings
from consumers.registry import RegistrySchemaSource
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of
from projections.apply import rows_of
from projections.catalog import PROJECTIONS, projection_named
from projections.copying import copy_text
from projections.projection import events_read
from projections.session import Session
from projections.stage import Row
from stack.up import StackAddresses

_ACCOUNTS: Final = ("one", "two")
_LOG_TABLES: Final = [one.name for one in PROJECTIONS if one.reads_logs and not one.topics]
_PAUSE_S: Final = 0.01
_PATIENCE_S: Final = 600.0


def project_shared(
    bootstrap_servers: str, prefix: str, registry_url: str, dsn: str, projections: list[str]
) -> None:
    """Project until SIGTERM, as a member of one group; say so when all is read that there was."""
    said = False

    def note(progress: Progress) -> None:
        nonlocal said
        if progress.caught_up and not said:
            said = True
            answer(ready=True)

    settings = ProjectorSettings(
        cluster=Cluster(bootstrap_servers, prefix),
        postgres_dsn=dsn,
        build="bench",
        projections=tuple(projection_named(name) for name in projections),
    )
    codec = Codec(RegistrySchemaSource(registry_url))
    run_projector(settings, codec, stop=stop_on_signals(), on_progress=note)


def copy_bare(  # noqa: PLR0913 -- what a task is told
    *,
    bootstrap_servers: str,
    prefix: str,
    registry_url: str,
    dsn: str,
    projections: list[str],
    account: str,
    records: int,
) -> None:
    """Read a log, decode it, make its rows, copy them into bare tables with their keys."""
    cluster, topic = Cluster(bootstrap_servers, prefix), log_of(AccountName(account)).name
    wanted = [projection_named(name) for name in projections]
    events = events_read(wanted)
    codec = Codec(RegistrySchemaSource(registry_url)).with_gates_as_text()
    codec.prepare_reading(events)
    connection = Session(dsn).connection()
    copies = create_tables(connection, wanted)
    stages = {stage.row: stage.name for one in wanted for stage in one.stages}
    consumer = Consumer(consumer_config(bootstrap_servers, cluster.group(f"bare-{account}")))
    consumer.assign([TopicPartition(cluster.topic(topic), 0, 0)])
    while not consume_batch(consumer, 1, 1.0).ends:
        pass
    answer(ready=True)
    done = 0
    while done < records:
        messages = consume_batch(consumer, BATCH, 0.2).messages
        rows = defaultdict[str, list[Row]](list)
        for message in messages:
            record = record_of(cluster, codec, message, events)
            for projection in wanted:
                for row in rows_of(projection, record):
                    rows[stages[type(row)]].append(row)
        done += len(messages)
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("UPDATE floor_checkpoint SET next_offset = %s", (done,))
            for stage, some in rows.items():
                if stage in copies:
                    with cursor.copy(copies[stage]) as copy:
                        copy.write(copy_text(some))
    answer(at=time.monotonic())


def living(addresses: StackAddresses, records: int, rounds: int) -> Iterator[Figure]:
    """Append `records` events to two accounts' logs; how long until the tables have them."""
    codec = Codec(RegistrySchemaSource(addresses.registry_url))
    values = {
        name: [codec.encode(event) for event in history(AccountName(name), records // 2)]
        for name in _ACCOUNTS
    }
    for label, projections in (("executions", ["executions"]), ("log_tables", _LOG_TABLES)):
        rates, ceilings = list[float](), list[float]()
        for _ in range(rounds):
            rates.append(records / _projected(addresses, projections, values))
            ceilings.append(records / _copied(addresses, projections, values))
        yield Figure(
            name=f"live.two_processes.{label}",
            unit="events/s",
            value=median(rates),
            floor=median(ceilings),
        )


def _projected(
    addresses: StackAddresses, projections: Sequence[str], values: dict[str, list[bytes]]
) -> float:
    with (
        Ground.prepared(addresses, *values) as ground,
        database(addresses) as dsn,
        ExitStack() as stack,
    ):
        told = {**ground.logs, "dsn": dsn, "projections": list(projections)}
        for _ in values:
            process = stack.enter_context(running_task("project_shared", **told))
            next(iter(process.stdout or ()))
        await_shares(ground, len(values))
        with psycopg.connect(dsn, autocommit=True) as connection:
            began = time.monotonic()
            append(ground, values)
            await_checkpoints(connection, len(projections) * len(values), len(values["one"]))
            return time.monotonic() - began


def _copied(
    addresses: StackAddresses, projections: Sequence[str], values: dict[str, list[bytes]]
) -> float:
    with Ground.prepared(addresses, *values) as ground, ExitStack() as stack:
        said = []
        for account, some in values.items():
            dsn = stack.enter_context(database(addresses))
            told = {**ground.logs, "dsn": dsn, "projections": list(projections)}
            task = running_task("copy_bare", **told, account=account, records=len(some))
            said.append(map(json.loads, stack.enter_context(task).stdout or ()))
        for lines in said:
            next(lines)
        began = time.monotonic()
        append(ground, values)
        return max(float(next(lines)["at"]) for lines in said) - began


def append(ground: Ground, values: dict[str, list[bytes]]) -> None:
    """Append bytes to the accounts' logs, as fast as it goes, in turn."""
    producer = Producer({"bootstrap.servers": ground.cluster.bootstrap_servers, "linger.ms": 5})
    topics = [ground.cluster.topic(log_of(AccountName(name)).name) for name in values]
    for some in zip(*values.values(), strict=True):
        for topic, value in zip(topics, some, strict=True):
            producer.produce(topic, value)
        producer.poll(0)
    if producer.flush(_PATIENCE_S):
        raise RuntimeError("Kafka has not taken everything")


def await_shares(ground: Ground, members: int) -> None:
    """Return once so many members of the projectors' group have a log each."""
    group = ground.cluster.group("projector")
    admin = AdminClient({"bootstrap.servers": ground.cluster.bootstrap_servers})
    while True:
        described = admin.describe_consumer_groups([group])[group].result(_PATIENCE_S)
        shares = [len(member.assignment.topic_partitions) for member in described.members]
        if len(shares) == members and min(shares) > 0:
            return
        time.sleep(_PAUSE_S)


def await_checkpoints(connection: psycopg.Connection[Any], count: int, offset: int) -> None:
    """Return once `count` checkpoints have reached `offset`."""
    query = "SELECT count(*) FROM projection_checkpoints WHERE next_offset >= %s"
    while connection.execute(query, (offset,)).fetchone() != (count,):
        time.sleep(_PAUSE_S)
