"""An account's seat, taken to write down what was imported: as its dispatcher takes it."""

import os
import platform
import time
from types import TracebackType
from typing import Final, Self

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from consumers.cluster import Cluster
from consumers.dispatcher.seat import Record, Seat, TransactionAborted, TransactionDoubtful
from consumers.errors import Refused, SeatLost
from consumers.kafka import consume_batch, consumer_config
from consumers.seats import Member, seat_of
from consumers.settings_account import AccountSettings
from events.topics import RECOMMENDATIONS

_NAME: Final = "legacy-import"
_PATIENCE_S: Final = 20.0
_POLL_S: Final = 0.1
_POLL_INTERVAL_MS_MAX: Final = 60_000
_APPEND_ATTEMPTS: Final = 5
_ABORT_PAUSE_S: Final = 0.2


class ImportSeat:
    """The exclusive right to append to an account's log, while no dispatcher has it.

    A dispatcher that starts meanwhile stands by, and takes over when this is left.
    """

    def __init__(self, cluster: Cluster, account: AccountSettings) -> None:
        """Be ready to take the account's seat; nothing is done yet."""
        self._cluster = cluster
        self._account = account
        self._topic = cluster.topic(RECOMMENDATIONS.name)
        self._assigned = False
        self._lost: str | None = None
        self._consumer: Consumer | None = None
        self._seat: Seat | None = None

    def __enter__(self) -> Self:
        """Take the seat: join the group, and let nobody who had it before write any more.

        Raises:
            Refused: A dispatcher runs for the account.
            ServiceUnreachable: Kafka does not answer.
        """
        refuse_a_dispatcher(self._cluster, self._account)
        self._consumer = consumer = Consumer(
            consumer_config(
                self._cluster.bootstrap_servers,
                self._cluster.dispatchers_of(self._account.account),
                **{
                    "session.timeout.ms": self._account.tuning.session_timeout_ms,
                    "max.poll.interval.ms": _POLL_INTERVAL_MS_MAX,
                    "client.id": f"{_NAME}-{platform.node()}-{os.getpid()}",
                },
            )
        )
        try:
            consumer.subscribe(
                [self._topic],
                on_assign=self._on_assign,
                on_revoke=lambda _consumer, _partitions: self._lose("it was revoked"),
                on_lost=lambda _consumer, _partitions: self._lose("it was lost"),
            )
            self._await_assignment(consumer)
            self._seat = Seat(
                self._cluster,
                self._account.account,
                self._account.tuning.transaction_timeout_ms,
            )
        except BaseException:
            consumer.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the group: a dispatcher that stands by takes over at once."""
        if self._consumer is not None:
            self._consumer.close()

    def append(self, records: list[Record]) -> None:
        """Append `records` to the log in one transaction.

        Raises:
            SeatLost: The seat is gone, or nobody knows whether it happened: import again.
            Fenced: Another process has taken the seat.
        """
        if self._seat is None or self._consumer is None:
            raise RuntimeError("the seat is written from before it is taken")
        for attempt in range(1, _APPEND_ATTEMPTS + 1):
            consume_batch(self._consumer, 1, 0)  # a member that never polls is expelled
            if self._lost is not None:
                raise SeatLost(
                    f"the seat of {self._account.name} is gone: {self._lost}; what is in its log "
                    "stays, import again for the rest"
                )
            try:
                self._seat.append(records)
            except TransactionAborted:
                if attempt == _APPEND_ATTEMPTS:
                    raise SeatLost(
                        f"Kafka aborted {attempt} transactions in a row; import again"
                    ) from None
                time.sleep(_ABORT_PAUSE_S)
            except TransactionDoubtful as error:
                raise SeatLost(
                    f"{error}; import again: what is in the log is not imported twice"
                ) from error
            else:
                return

    def _await_assignment(self, consumer: Consumer) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not self._assigned:
            consume_batch(consumer, 1, _POLL_S)
            if time.monotonic() > deadline:
                holder = seat_of(self._cluster, self._account.account).holder
                who = "Kafka" if holder is None else holder.client_id
                raise Refused(
                    f"{who} kept the seat of account {self._account.name} for {_PATIENCE_S:g} s; "
                    "nothing was written to it. Stop its dispatcher and import again"
                )

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        at = TopicPartition(self._topic, 0, OFFSET_END)
        consumer.incremental_assign([at])
        consumer.pause([at])  # recommendations are the dispatcher's to read
        self._assigned = True

    def _lose(self, how: str) -> None:
        self._lost = how


def refuse_a_dispatcher(cluster: Cluster, account: AccountSettings) -> None:
    """See that nobody runs for `account`; wait for an import that was killed to be forgotten.

    Raises:
        Refused: Somebody runs for it.
        ServiceUnreachable: Kafka does not answer.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while (member := _somebody(cluster, account)) is not None:
        if not member.client_id.startswith(_NAME) or time.monotonic() > deadline:
            raise Refused(
                f"{member.client_id} runs for account {account.name}: stop it, import, then "
                "start it again (one that was killed is forgotten after "
                f"{account.tuning.session_timeout_ms / 1000:g} s). Nothing was written to its log"
            )
        time.sleep(_POLL_S)


def _somebody(cluster: Cluster, account: AccountSettings) -> Member | None:
    seat = seat_of(cluster, account.account)
    return seat.holder or next(iter(seat.standbys), None)
