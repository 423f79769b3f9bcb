"""What the stack keeps when its servers or its starter are killed."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from stack import servers
from stack.status import ServerState, status
from stack.up import start, stop
from tests.stack.helpers import Listener, Running

_PATIENCE_S = 20.0

# A starter that is killed the moment it asks a server it has started whether it is ready.
_KILLED_STARTER = """
import os, pathlib, signal, sys
from stack.up import start

directory = pathlib.Path(sys.argv[1])

def die_when_a_server_has_started(event, arguments):
    if event == "socket.connect" and any(directory.glob("*/*.pid")):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die_when_a_server_has_started)
start(directory)
"""


def test_after_killing_all_servers_the_stack_comes_back_with_everything_it_had(
    stack: Running,
) -> None:
    schemas = [f'{{"type":"fixed","name":"kept{size}","size":{size}}}' for size in (1, 2, 3)]
    with SchemaRegistryClient({"url": stack.addresses.registry_url}) as registry:
        ids = [
            registry.register_schema(f"kept-{n}", Schema(text, "AVRO"))
            for n, text in enumerate(schemas)
        ]
    with psycopg.connect(stack.addresses.postgres_dsn) as session:
        session.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    _publish(stack.addresses.bootstrap_servers, "kept", b"still here")

    for name in ("kafka", "registry", "postgres"):
        servers.kill(stack.directory, name)
    listener = Listener()

    assert start(stack.directory, progress=listener) == stack.addresses
    assert [note.split(" had not")[0] for note in sorted(listener.notes)] == [
        "Kafka",
        "PostgreSQL",
        "Registry",
    ]
    with SchemaRegistryClient({"url": stack.addresses.registry_url}) as fresh:
        assert [fresh.get_schema(n).schema_str for n in ids] == schemas
        another = Schema('{"type":"fixed","name":"other","size":9}', "AVRO")
        assert fresh.register_schema("other", another) not in ids
    with psycopg.connect(stack.addresses.postgres_dsn) as session:
        assert session.execute("SELECT answer FROM kept").fetchall() == [(42,)]
    assert _first_record(stack.addresses.bootstrap_servers, "kept") == b"still here"


def test_down_ends_what_a_killed_starter_left_behind(new_directory: Path) -> None:
    starter = subprocess.run(
        [sys.executable, "-c", _KILLED_STARTER, str(new_directory)], check=False
    )
    assert starter.returncode == -9
    left_behind = [server for server in status(new_directory) if server.pid is not None]

    stop(new_directory)

    assert left_behind
    assert [server.state for server in status(new_directory)] == [ServerState.STOPPED] * 3


def test_a_recycled_process_number_is_never_killed(stack: Running) -> None:
    servers.stop(stack.directory, "postgres")
    (stack.directory / "postgres" / "postgres.pid").write_text(f"{os.getpid()}\n")
    listener = Listener()

    assert start(stack.directory, progress=listener) == stack.addresses

    [note] = listener.notes
    assert note == (
        f"PostgreSQL had not been stopped in an orderly way: its process {os.getpid()} is gone, "
        "or that number belongs to another program, which is left alone."
    )


def test_a_paused_server_is_reported_as_silent_until_it_resumes(stack: Running) -> None:
    servers.pause(stack.directory, "registry")
    paused = {server.name: server.state for server in status(stack.directory)}
    servers.resume(stack.directory, "registry")

    assert paused == {
        "kafka": ServerState.RUNNING,
        "registry": ServerState.SILENT,
        "postgres": ServerState.RUNNING,
    }
    assert {server.state for server in status(stack.directory)} == {ServerState.RUNNING}


def _publish(bootstrap_servers: str, topic: str, value: bytes) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(_PATIENCE_S)
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    producer.produce(topic, value)
    assert producer.flush(_PATIENCE_S) == 0


def _first_record(bootstrap_servers: str, topic: str) -> bytes:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "unused"})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        record = consumer.poll(_PATIENCE_S)
        assert record is not None
        assert record.error() is None
        value = record.value()
        assert value is not None
        return value
    finally:
        consumer.close()
