"""The dispatcher as it is, watched at its transactions; and the same transactions without it."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any, Final, TypeAlias
from unittest.mock import patch

from confluent_kafka import Consumer, Message, TopicPartition

from bench.process import answer, peak_memory_mib
from brokers.broker import Broker, BrokerAccount
from brokers.simulated import SimulatedBroker, SimulationTerms
from consumers.clock import Clock, SystemClock
from consumers.cluster import Cluster
from consumers.dispatcher import seating
from consumers.dispatcher.process import run_dispatcher, stop_on_signals
from consumers.dispatcher.seat import Record, Seat
from consumers.kafka import consume_batch, consumer_config, offset_of
from consumers.settings import Settings
from consumers.settings_account import AccountSettings
from events.identifiers import AccountName
from events.topics import RECOMMENDATIONS, log_of

OnCommit: TypeAlias = Callable[[Sequence[Record], int | None], None]
"""Called after each commit with its records and the source's offset, if it moved that."""

_BATCH: Final = 500
_PATIENCE_S: Final = 60.0
_TRANSACTION_TIMEOUT_MS: Final = 10_000
_TYPICAL_INTENT_BYTES: Final = 1_800


def watching(on_commit: OnCommit) -> Any:  # noqa: ANN401 -- mock's own type has no public name
    """Return a context in which every seat tells of its commits; nothing else is changed."""

    class Watched(Seat):
        def append(
            self,
            records: Sequence[Record],
            *,
            offsets: TopicPartition | None = None,
            consumer: Consumer | None = None,
        ) -> dict[str, int]:
            ends = super().append(records, offsets=offsets, consumer=consumer)
            on_commit(records, None if offsets is None else offsets.offset)
            return ends

    return patch.object(seating, "Seat", Watched)


def dispatch(settings: dict[str, Any], account: str, plan: str) -> None:
    """Dispatch all there is, timed from taking the seat to the last commit before the farewell.

    The file `plan` gets a line per transaction: the source's offset or null, then record sizes.
    """
    commits: deque[float] = deque(maxlen=2)
    began: list[float] = []
    busy: list[float] = []
    with Path(plan).open("w", encoding="utf-8") as lines:

        def note(records: Sequence[Record], offset: int | None) -> None:
            commits.append(time.monotonic())
            if records and offset is None and not began and len(commits) == commits.maxlen:
                began.append(commits[-1])  # after AccountOpened and DispatcherStarted
                busy.append(time.process_time())
                return
            lines.write(json.dumps([offset, *(len(record.value) for record in records)]) + "\n")

        with watching(note):
            counts = run_dispatcher(
                Settings.model_validate(settings), account, until_caught_up=True, stop=Event()
            )
    answer(
        records=counts.recommendations_read,
        seconds=commits[0] - began[0],
        processor_seconds=time.process_time() - busy[0],
        intended=counts.intended,
        declined=counts.declined,
        peak_memory_mib=peak_memory_mib(),
    )


def dispatch_floor(bootstrap_servers: str, prefix: str, account: str, plan: str) -> None:
    """Read the same records in the same batches, write as much in the same transactions."""
    cluster, name = Cluster(bootstrap_servers, prefix), AccountName(account)
    seat = Seat(cluster, name, _TRANSACTION_TIMEOUT_MS)
    consumer = Consumer(consumer_config(bootstrap_servers, cluster.dispatchers_of(name)))
    source = TopicPartition(cluster.topic(RECOMMENDATIONS.name), 0, 0)
    consumer.assign([source])
    filler, held, position = b"x" * 100_000, deque[Message](), 0
    with Path(plan).open(encoding="utf-8") as lines:
        began, busy = time.monotonic(), time.process_time()
        for line in list(lines)[1:-1]:  # without AccountOpened, and without the farewell
            offset, *sizes = json.loads(line)
            records = [Record(log_of(name).name, filler[:size], name.encode()) for size in sizes]
            if offset is None:
                seat.append(records)
                continue
            while position < offset:
                if not held:
                    held.extend(consume_batch(consumer, _BATCH, 0.1).messages)
                else:
                    position = offset_of(held.popleft()) + 1
            moved = TopicPartition(source.topic, 0, offset)
            seat.append(records, offsets=moved, consumer=consumer)
        seconds, busy = time.monotonic() - began, time.process_time() - busy
    consumer.close()
    answer(
        records=position,
        seconds=seconds,
        processor_seconds=busy,
        peak_memory_mib=peak_memory_mib(),
    )


def dispatch_live(settings: dict[str, Any], account: str) -> None:
    """Dispatch until SIGTERM; say when each commit was made, and whether it held decisions."""

    def note(_records: Sequence[Record], offset: int | None) -> None:
        answer(at=time.monotonic(), decided=offset is not None)

    with watching(note):
        run_dispatcher(Settings.model_validate(settings), account, stop=stop_on_signals())


def dispatch_crash(settings: dict[str, Any], account: str) -> None:
    """Start a dispatcher that dies of its broker, folded and about to take the seat."""

    class Dead(SimulatedBroker):
        def account(self) -> BrokerAccount:
            os._exit(1)

    def wiring(_account: AccountSettings) -> tuple[Broker, Clock]:
        return Dead(account_number="none", terms=SimulationTerms()), SystemClock()

    run_dispatcher(Settings.model_validate(settings), account, stop=Event(), wiring=wiring)


def bare_transactions(bootstrap_servers: str, prefix: str, account: str) -> None:
    """Make one transaction of a record and an offset for each line of input; say how long."""
    cluster, name = Cluster(bootstrap_servers, prefix), AccountName(account)
    seat = Seat(cluster, name, _TRANSACTION_TIMEOUT_MS)
    consumer = Consumer(consumer_config(bootstrap_servers, cluster.dispatchers_of(name)))
    record = Record(log_of(name).name, b"x" * _TYPICAL_INTENT_BYTES, name.encode())
    topic = cluster.topic(RECOMMENDATIONS.name)
    for number, _ in enumerate(sys.stdin, start=1):
        began = time.monotonic()
        seat.append([record], offsets=TopicPartition(topic, 0, number), consumer=consumer)
        answer(seconds=time.monotonic() - began)
    consumer.close()
