"""A dispatcher's life: check, fold, join the group, take the seat, turn the loop, give it up.

Everything here runs in one thread; only calls to the broker run beside it.
"""

import time
from threading import Event
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from accounts.state import AccountState
from brokers.errors import BrokerUnavailable, CredentialsRefused
from consumers.dispatcher.command_log import CommandLog
from consumers.dispatcher.equipment import Equipment
from consumers.dispatcher.historical_clock import go_by_history
from consumers.dispatcher.log_reader import AccountLog
from consumers.dispatcher.opening import Counts, check_account, check_opened, process_name
from consumers.dispatcher.seating import take_seat
from consumers.dispatcher.snapshot_writer import SnapshotWriter
from consumers.dispatcher.tenure import Tenure
from consumers.errors import ConfigurationError, Fenced, SeatLost, ServiceUnreachable
from consumers.health import Heartbeat
from consumers.kafka import consume_batch, consumer_config, names
from consumers.logs import get_log
from consumers.offsets import end_offset
from events.topics import RECOMMENDATIONS

RESTART_PAUSE_S: Final = 0.25
RESTART_PAUSE_S_MAX: Final = 10.0
FOLDING_TOLD_EVERY_S: Final = 2.0
IDLE_WAIT_S: Final = 0.02
"""How long an idle owner of the seat waits for advice before it looks for commands again."""


class Dispatcher:
    """One process that decides for one account, or stands by to."""

    def __init__(
        self,
        equipment: Equipment,
        stop: Event,
        *,
        until_caught_up: bool,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        """Be ready to live until `stop` is set, or until caught up; nothing is done yet."""
        self._heart = heartbeat or Heartbeat(None)
        self._with = equipment
        self._account = equipment.account
        self._tuning = equipment.account.tuning
        self._stop = stop
        self._until_caught_up = until_caught_up
        self._cluster = equipment.cluster
        self._recommendations = self._cluster.topic(RECOMMENDATIONS.name)
        codec = equipment.decider.codec
        self._log = AccountLog(
            self._cluster, self._account.account, codec, on_progress=self._folding
        )
        self._snapshots = SnapshotWriter(self._cluster, self._account.account, codec, self._tuning)
        self._folding_told_s = time.monotonic()
        self._commands = CommandLog(self._cluster, self._account.account)
        self._tenure: Tenure | None = None
        self._failure: BaseException | None = None
        self._ends_at: int | None = None
        self._counts = Counts()
        self._moved = False
        self._achieved = False
        self._closing = False
        self._say = get_log(account_name=self._account.account)

    @property
    def state(self) -> AccountState:
        """Return the account as this process has folded it: committed events only."""
        return self._log.state

    def run(self) -> Counts:
        """Live, and live again after each loss of the seat; return what was done.

        Raises:
            Fenced: Another process has taken the seat.
            ConfigurationError: The log or the broker's account do not fit.
        """
        pause_s = RESTART_PAUSE_S
        try:
            while not self._lived_to_the_end():
                doubled_s = min(RESTART_PAUSE_S_MAX, pause_s * 2)
                pause_s = RESTART_PAUSE_S if self._achieved else doubled_s
                self._achieved = False
                if self._stop.wait(pause_s):
                    break
        finally:
            self._log.close()
            self._snapshots.close()
            self._commands.close()
            self._with.decider.market.close()
        self._say.info("dispatcher_shutdown", recommendations=self._counts.recommendations_read)
        return self._counts

    def _lived_to_the_end(self) -> bool:
        try:
            self._live()
        except Fenced:
            raise
        except (SeatLost, ServiceUnreachable) as error:
            self._say.warning("dispatcher_loop_error", error=str(error))
            return False
        return True

    def _live(self) -> None:
        self._heart.beat()
        go_by_history(self._with.clock, self._fold())
        self._failure, self._closing = None, False
        in_order = False
        consumer = self._join()
        try:
            while not self._done():
                self._turn(consumer)
            if self._tenure is not None:
                reason = "told to stop" if self._stop.is_set() else "caught up"
                self._tenure.stop(consumer, self._tuning, reason)
                in_order = True
        finally:
            self._leave("this life is over")
            self._closing = True
            consumer.close()
        if in_order:  # the seat is the next one's by now: nobody waits for this
            self._snapshots.finish(self._log)

    def _fold(self) -> AccountState:
        """Read the log to its end, and be sure that it is ours to go on with.

        A new account's log begins with what the broker says, which is waited for. Any other may be
        gone on with while the broker is silent: it is asked again before anything is sent.
        """
        state = self._log.read_to_end()
        try:
            at_broker = self._with.broker.account()
        except CredentialsRefused as error:
            raise ConfigurationError(
                f"the broker refuses the credentials of account {self._account.name}: {error}"
            ) from error
        except BrokerUnavailable as error:
            if state.opened is None:
                raise ServiceUnreachable(f"the broker does not answer: {error}") from error
            self._say.warning("broker_unavailable", error=str(error))
            check_opened(state.opened, self._account)
        else:
            check_account(state.opened, self._account, at_broker)
        return state

    def _folding(self, offset: int, end: int) -> None:
        self._heart.beat()
        if time.monotonic() - self._folding_told_s >= FOLDING_TOLD_EVERY_S:
            self._folding_told_s = time.monotonic()
            self._say.info("log_folding", offset=offset, end=end, percent=100 * offset // end)

    def _join(self) -> Consumer:
        consumer = Consumer(
            consumer_config(
                self._cluster.bootstrap_servers,
                self._cluster.dispatchers_of(self._account.account),
                **{
                    "session.timeout.ms": self._tuning.session_timeout_ms,
                    "client.id": process_name(),
                },
            )
        )
        if self._until_caught_up and self._ends_at is None:
            self._ends_at = end_offset(consumer, self._recommendations)
        consumer.subscribe(
            [self._recommendations],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        return consumer

    def _turn(self, consumer: Consumer) -> None:
        self._heart.beat()
        tenure = self._tenure
        timeout_s, room = self._tuning.poll_timeout_ms / 1000, 1
        if tenure is not None:
            room = max(1, self._tuning.max_batch - tenure.held)
            waits = tenure.busy or tenure.asks_the_market
            timeout_s = 0.0 if self._moved or waits else min(timeout_s, IDLE_WAIT_S)
        try:
            batch = consume_batch(consumer, room, timeout_s)
        finally:
            # What a callback met comes first: the client, left without an assignment, takes up
            # one of its own, and fails where a new group has no offset yet.
            if self._failure is not None:
                raise self._failure
        if self._stop.is_set():
            return  # what came with the wish to stop is the next owner's to decide
        if self._tenure is None:
            self._log.read_on()
            return
        self._tenure.take_in(batch)
        self._moved = self._tenure.turn(consumer, self._tuning, self._ends_at)
        self._achieved |= self._moved
        if self._tenure is not None:
            self._snapshots.consider(self._log, idle=not self._moved)

    def _done(self) -> bool:
        if self._stop.is_set():
            return True
        if self._ends_at is None or self._tenure is None:
            return False
        return self._tenure.settled(self._ends_at)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions or self._closing:
            return  # another member came or went, or this one goes: nothing to take up
        try:
            self._require_the_one_partition(partitions)
            taken = take_seat(self._with, self._log, self._commands, consumer)
            taken.tenure.counts.add(self._counts)
            self._counts = taken.tenure.counts
            self._tenure = taken.tenure
            start = TopicPartition(self._recommendations, 0, taken.start)
            consumer.incremental_assign([start])
        except Exception as error:  # noqa: BLE001 -- raised by the loop, out of librdkafka's callback
            self._failure = error

    def _require_the_one_partition(self, partitions: list[TopicPartition]) -> None:
        if [one.partition for one in partitions] != [0]:
            raise ConfigurationError(
                f"{self._recommendations} has more than one partition, so that two processes "
                "could decide for one account: copy it into a topic of one partition"
            )

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._tenure is None:
            return
        self._say.info("seat_revoked", partitions=names(partitions))
        try:
            self._tenure.hand_over(self._tuning)
        except Exception as error:  # noqa: BLE001 -- as in `_assigned`
            self._failure = error
        self._leave("the seat was revoked")

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._say.warning("seat_lost", partitions=names(partitions))
        self._leave("the seat was lost")
        self._failure = SeatLost("expelled from the consumer group")

    def _leave(self, reason: str) -> None:
        """Drop everything that only the seat's owner may have; what is committed stays."""
        if self._tenure is not None:
            self._tenure.abandon(reason)
            self._tenure = None
