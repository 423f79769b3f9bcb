"""Snapshots of an account, written beside its dispatcher's loop and never in its way."""

import time
from threading import Thread
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from accounts.state import AccountState
from consumers.cluster import Cluster
from consumers.dispatcher.log_reader import AccountLog
from consumers.kafka import CONNECTED_AT_ONCE, sentence
from consumers.kafka_log import kafka_client_log
from consumers.logs import get_log
from consumers.settings_account import TuningSettings
from consumers.snapshots import snapshot_of
from events.codec import Codec
from events.identifiers import AccountName
from events.topics import RECORD_BYTES_MAX, SNAPSHOTS

BUSY_FACTOR: Final = 4
"""A loop that never rests gets its snapshot only after so many times the usual events."""

_DELIVERY_MS_MAX: Final = 10_000
_FAREWELL_S_MAX: Final = 3.0


class SnapshotWriter:
    """Writes what is committed, now and then; at most one snapshot is on its way.

    The state is immutable, so that a thread can write it down while the loop goes on.
    """

    def __init__(
        self, cluster: Cluster, account: AccountName, codec: Codec, tuning: TuningSettings
    ) -> None:
        """Write snapshots of `account`; `codec` must know their schema by now."""
        self._topic = cluster.topic(SNAPSHOTS.name)
        self._bootstrap_servers = cluster.bootstrap_servers
        self._codec = codec
        self._account = account
        self._every = tuning.snapshot_every_events
        self._pause_s = tuning.snapshot_pause_ms / 1000
        self._written_to = 0
        self._due_s = 0.0
        self._thread: Thread | None = None
        self._producer: Producer | None = None
        self._say = get_log(account_name=account)

    def consider(self, log: AccountLog, *, idle: bool) -> None:
        """Begin a snapshot of what `log` has folded, if it is time for one."""
        behind = log.next_offset - max(self._written_to, log.snapshot_offset)
        if behind < (self._every if idle else BUSY_FACTOR * self._every):
            return
        if time.monotonic() < self._due_s or self._under_way():
            return
        self._begin(log)

    def finish(self, log: AccountLog) -> None:
        """Write a last snapshot, unless the newest is as new, and wait for it: 3 s at most."""
        if self._thread is not None:
            self._thread.join(_FAREWELL_S_MAX)
        if not self._under_way() and log.next_offset > max(self._written_to, log.snapshot_offset):
            self._begin(log)
        self.close()

    def close(self) -> None:
        """Let go of what is under way after 3 s."""
        if self._thread is not None:
            self._thread.join(_FAREWELL_S_MAX)
        if self._under_way() and self._producer is not None:
            self._producer.purge()

    def _under_way(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _begin(self, log: AccountLog) -> None:
        self._written_to = log.next_offset
        self._due_s = time.monotonic() + self._pause_s
        self._thread = Thread(
            target=self._write, args=(log.state, log.next_offset), name="snapshot", daemon=True
        )
        self._thread.start()

    def _write(self, state: AccountState, log_offset: int) -> None:
        began = time.monotonic()
        faults: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                faults.append(error)

        try:
            snapshot = snapshot_of(state, log_offset)
            if snapshot is None:
                return
            value = self._codec.encode(snapshot)
            producer = self._producer = self._producer or self._made()
            producer.produce(self._topic, value, self._account.encode(), on_delivery=delivered)
            producer.flush(_DELIVERY_MS_MAX / 1000 + 1)
            if faults:
                raise KafkaException(faults[0])  # noqa: TRY301 -- told as any other
        except KafkaException as error:
            self._say.warning("snapshot_not_written", error=sentence(error))
        except Exception as error:  # noqa: BLE001 -- disposable: it must never cost more than time
            self._say.warning("snapshot_not_written", error=f"{type(error).__name__}: {error}")
        else:
            self._say.info(
                "snapshot_written",
                log_offset=log_offset,
                bytes=len(value),
                took_ms=round((time.monotonic() - began) * 1000),
            )

    def _made(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "enable.idempotence": True,
                "message.timeout.ms": _DELIVERY_MS_MAX,
                "message.max.bytes": RECORD_BYTES_MAX,
                "compression.type": "lz4",
                "linger.ms": 0,
                **CONNECTED_AT_ONCE,
                "allow.auto.create.topics": False,
                "logger": kafka_client_log(),
            }
        )
