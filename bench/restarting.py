"""How long a dispatcher needs from its start to its seat, and how long of that is folding."""

import time
from threading import Event
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from bench.dispatching import watching
from bench.process import answer, peak_memory_mib
from consumers.cluster import Cluster
from consumers.dispatcher.log_reader import AccountLog
from consumers.dispatcher.process import run_dispatcher
from consumers.kafka import consume_batch, consumer_config, offset_of
from consumers.offsets import end_offset
from consumers.registry import RegistrySchemaSource
from consumers.settings import Settings
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import log_of

_BATCH = 1000


def restart(settings: dict[str, Any], account: str) -> None:
    """Start a dispatcher, say when it has said that it has the seat, and end it."""
    seated: list[float] = []
    stop = Event()

    def note(*_: object) -> None:
        seated.append(time.monotonic())
        stop.set()

    with watching(note):
        run_dispatcher(Settings.model_validate(settings), account, stop=stop)
    answer(at=seated[0], peak_memory_mib=peak_memory_mib())


def fold(bootstrap_servers: str, prefix: str, registry_url: str, account: str) -> None:
    """Fold an account's log to its end, and nothing else."""
    source = RegistrySchemaSource(registry_url)
    began = time.monotonic()
    log = AccountLog(Cluster(bootstrap_servers, prefix), AccountName(account), Codec(source))
    log.read_to_end()
    seconds = time.monotonic() - began
    records = log.next_offset
    log.close()
    source.close()
    answer(records=records, seconds=seconds, peak_memory_mib=peak_memory_mib())


def fold_floor(bootstrap_servers: str, prefix: str, account: str) -> None:
    """Read the same log in the same batches, and do nothing with it."""
    began = time.monotonic()
    cluster, name = Cluster(bootstrap_servers, prefix), AccountName(account)
    consumer = Consumer(consumer_config(bootstrap_servers, f"{cluster.dispatchers_of(name)}.floor"))
    topic = cluster.topic(log_of(name).name)
    end, position = end_offset(consumer, topic), 0
    consumer.assign([TopicPartition(topic, 0, 0)])
    while position < end:
        batch = consume_batch(consumer, _BATCH, 0.05)
        for message in batch.messages:
            position = offset_of(message) + 1
        position = max([position, *batch.ends.values()])
    seconds = time.monotonic() - began
    consumer.close()
    answer(records=position, seconds=seconds, peak_memory_mib=peak_memory_mib())
