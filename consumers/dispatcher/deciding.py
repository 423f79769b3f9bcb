"""Recommendations while one has the seat: read, decided in turn, and the decisions durable."""

from typing import Final

from confluent_kafka import Consumer

from accounts.state import TradingStatus
from consumers.clock import Clock
from consumers.dispatcher.appending import Appending
from consumers.dispatcher.auditing import Auditing
from consumers.dispatcher.decider import Decisions
from consumers.dispatcher.historical_clock import HistoricalClock
from consumers.dispatcher.intake import Incoming, Intake
from consumers.dispatcher.opening import Counts, process_name
from consumers.dispatcher.orders import Orders
from consumers.dispatcher.submit_gate import Holder
from consumers.dispatcher.waiting import Waiting
from consumers.kafka import Batch
from consumers.logs import get_log
from consumers.settings_account import TuningSettings

HALTED_WAIT_S: Final = 0.05
"""How long a halted account gathers what it will decline: it is in no hurry, and a transaction for
each, at the moment in which others decide on the same advice, would cost those who trade."""


class Deciding:
    """What one seat does about recommendations, one batch at a time."""

    def __init__(
        self,
        appending: Appending,
        orders: Orders,
        auditing: Auditing,
        clock: Clock,
        recommendations: str,
    ) -> None:
        """Hold nothing yet; `recommendations` is Kafka's name of their topic."""
        self._appending = appending
        self._orders = orders
        self._auditing = auditing
        self._clock = clock
        self._historical = isinstance(clock, HistoricalClock)
        self._decider = appending.decider
        account = self._decider.author.account
        self._waiting = Waiting(account, recommendations, process_name(), clock)
        self._intake = Intake(self._decider.codec, whole_moments=self._historical)
        self._held_since_s = 0.0
        self._idle = False
        self._say = get_log(account_name=account)
        self.counts: Final = Counts()

    @property
    def held(self) -> int:
        """Return how many recommendations were read and not yet decided for good."""
        return len(self._intake)

    @property
    def is_in_no_hurry(self) -> bool:
        """Say whether what is held may wait for more to be decided with it."""
        if self._historical or self._appending.state.trading.status is not TradingStatus.HALTED:
            return False
        return self._clock.elapsed_s() - self._held_since_s < HALTED_WAIT_S

    def has_read_to(self, end: int) -> bool:
        """Say whether everything before offset `end` was read."""
        return self._intake.read_to >= end

    def begin(self, start: int) -> None:
        """Read from `start`: everything before it is decided."""
        self._intake.clear(start)
        self._waiting.begin(start)

    def take_in(self, batch: Batch) -> None:
        """Hold what was read."""
        if batch.messages and not self.held:
            self._held_since_s = self._clock.elapsed_s()
        self._intake.add(batch.messages)
        for end in batch.ends.values():
            self._intake.reached(end)

    def decide(
        self,
        consumer: Consumer,
        tuning: TuningSettings,
        *,
        ended: bool,
        known: bool,
        command_offset: int,
    ) -> None:
        """Decide the next batch, make it durable with its offset, and submit what it intends.

        Args:
            consumer: Whose offset it is.
            tuning: How many recommendations and orders at most.
            ended: Whether no more recommendations are to come.
            known: Whether the broker's account is known: nothing is intended before that.
            command_offset: How far commands have been answered.

        Raises:
            SeatLost: The seat is worth nothing any more.
        """
        batch = self._next_batch(tuning, ended=ended)
        room = self._room(tuning) if known else 0
        if isinstance(self._clock, HistoricalClock):
            if not known:
                return  # its time is that of what may be ordered
            room = len(batch)
            for incoming in batch:
                if incoming.recommendation is not None:
                    self._clock.move_to(incoming.recommendation.issued_at)
        if not batch:
            return
        stamped_at_s = self._clock.elapsed_s()
        appending = self._appending
        decisions = self._decider.decide(
            appending.state,
            batch,
            self._clock.now(),
            log_offset=appending.next_offset,
            intents_max=max(0, room),
            command_offset=command_offset,
        )
        refusal = self._decider.market.refusal()
        if refusal is not None:
            self._auditing.refused(refusal)
        if decisions.taken == 0:
            return  # the first of them waits: for its market, or for room
        appending.hold_for(decisions.events, decisions.records, Holder.DECISION)
        position = self._waiting.beside(decisions.next_offset)

        def write() -> dict[str, int]:
            return appending.seat.append(decisions.records, offsets=position, consumer=consumer)

        committed = appending.transact(write, decisions.state)
        appending.gate.release(Holder.DECISION)  # if not, nothing of it has happened
        if committed:
            self._intake.drop(decisions.taken)
            self._waiting.decided(position)
            self._count(decisions)
            self._orders.start(decisions.events, appending.state, stamped_at_s)

    def tell_of_waiting(self, consumer: Consumer) -> None:
        """Leave word of what the seat waits for, where no decision has carried it."""
        self._waiting.tell(consumer)

    def _room(self, tuning: TuningSettings) -> int:
        """How many orders may be intended: what is under way may not have been counted yet."""
        free = self._orders.free
        self._waiting.look(has_room=free > 0, held=self.held)
        return min(tuning.max_unsubmitted, free) - self._orders.calls_under_way

    def _next_batch(self, tuning: TuningSettings, *, ended: bool) -> list[Incoming]:
        batch = self._intake.batch(tuning.max_batch, ended=ended)
        if not batch and not self.held and not self._idle:
            self._say.info("no_pending_recommendations", next_offset=self._intake.read_to)
        self._idle = not batch
        return batch

    def _count(self, decisions: Decisions) -> None:
        kinds = [type(event).__name__ for event in decisions.events]
        self.counts.recommendations_read += decisions.taken
        self.counts.intended += kinds.count("OrderIntended")
        self.counts.declined += kinds.count("RecommendationDeclined")
        self.counts.failed += kinds.count("RecommendationFailed")
        self._say.info(
            "recommendations_claimed",
            count=decisions.taken,
            intended=kinds.count("OrderIntended"),
            next_offset=decisions.next_offset,
        )
