"""What an account's dispatcher does for as long as it has the seat.

One loop, one writer: decide a batch, commit its events with the source's offset, submit, append
what came of it. Nothing here outlives the seat but what is committed.
"""

import time
from typing import Final

from confluent_kafka import Consumer

from accounts.state import TradingStatus
from consumers.clock import Clock, SystemClock
from consumers.dispatcher.appending import Appending
from consumers.dispatcher.auditing import Auditing
from consumers.dispatcher.command_log import CommandLog
from consumers.dispatcher.commanding import Commanding
from consumers.dispatcher.decider import Decider, Decisions
from consumers.dispatcher.historical_clock import HistoricalClock
from consumers.dispatcher.holding import follow, level_of
from consumers.dispatcher.identity import Identity
from consumers.dispatcher.intake import Incoming, Intake
from consumers.dispatcher.log_reader import AccountLog
from consumers.dispatcher.obeying import Obeying
from consumers.dispatcher.opening import Counts, dispatcher_stopped, process_name
from consumers.dispatcher.orders import Orders
from consumers.dispatcher.outcomes import Writer
from consumers.dispatcher.reconciler import Reconciler
from consumers.dispatcher.seat import Seat
from consumers.dispatcher.submit_gate import Holder
from consumers.dispatcher.waiting import Waiting
from consumers.kafka import Batch, consume_batch
from consumers.logs import get_log
from consumers.settings_account import TuningSettings

BUSY_WAIT_S: Final = 0.005
"""How long the loop waits for the broker before it looks at Kafka again."""

HALTED_WAIT_S: Final = 0.05
"""How long a halted account gathers what it will decline: it is in no hurry, and a transaction for
each, at the moment in which others decide on the same advice, would cost those who trade."""


class Tenure:
    """The time between taking the seat and giving it up."""

    def __init__(  # noqa: PLR0913 -- what a seat works with, each of it made elsewhere
        self,
        log: AccountLog,
        seat: Seat,
        orders: Orders,
        decider: Decider,
        clock: Clock,
        recommendations: str,
        *,
        commands: CommandLog,
        commanding: Commanding,
        identity: Identity,
        reconciler: Reconciler | None = None,
    ) -> None:
        """Begin with the account as `log` has folded it; `recommendations` is Kafka's name."""
        self.appending: Final = Appending(log, seat, orders.gate, decider)
        self._obeying = Obeying(self.appending, commands, commanding, clock)
        self._auditing = Auditing(self.appending, orders, reconciler)
        self._identity = identity
        self._waiting = Waiting(decider.author.account, recommendations, process_name(), clock)
        self._log = log
        self._seat = seat
        self._orders = orders
        self._decider = decider
        self._clock = clock
        self._historical = isinstance(clock, HistoricalClock)
        self._intake = Intake(decider.codec, whole_moments=self._historical)
        self._held_since_s = 0.0
        self._idle = False
        self._abandoned = False
        self._began_at = SystemClock().now()
        self._say = get_log(account_name=decider.author.account)
        self.counts: Final = Counts()

    @property
    def busy(self) -> bool:
        """Say whether the broker owes answers, or answers wait to be written."""
        return bool(self._orders.calls_under_way or self._orders.facts_unwritten)

    @property
    def asks_the_market(self) -> bool:
        """Say whether the market owes an answer that a decision waits for."""
        return self._decider.market.is_asking

    @property
    def held(self) -> int:
        """Return how many recommendations were read and not yet decided for good."""
        return len(self._intake)

    def settled(self, end: int) -> bool:
        """Say whether everything before offset `end` is decided, and every order's fate known."""
        return (
            self._intake.read_to >= end
            and not self.held
            and not self.busy
            and not self._log.state.unresolved()
        )

    def begin(self, start: int) -> None:
        """Read recommendations from `start`; ask about every order the log leaves open.

        Every command there is by now is answered first.

        Raises:
            SeatLost: That could not be written.
            ServiceUnreachable: The commands cannot be read.
        """
        follow(self._orders.gate, self._log.state.trading)
        self._intake.clear(start)
        self._waiting.begin(start)
        self._orders.listen()
        self._orders.watch(self._log.state.orders.values())
        self._obeying.begin()

    def take_in(self, batch: Batch) -> None:
        """Hold what was read from `recommendations`."""
        if batch.messages and not self.held:
            self._held_since_s = self._clock.elapsed_s()
        self._intake.add(batch.messages)
        for end in batch.ends.values():
            self._intake.reached(end)

    def turn(self, consumer: Consumer, tuning: TuningSettings, ends_at: int | None) -> bool:
        """Turn the loop once; `ends_at` is the declared end of `recommendations`, if any.

        Returns:
            Whether anything was decided, written, or can be now: if not, there is time to wait.

        Raises:
            SeatLost: The seat is worth nothing any more; fold again.
        """
        before = self._log.next_offset, self.held
        obeyed = self._obeying.obey()
        # Another account's answers would be lies about ours: nothing is asked before that.
        known = self._identity.is_known()
        audited = not known or self._auditing.audit(lambda: self._writer(tuning))
        if known:
            self._orders.cancel(self._log.state)
            self._orders.ask()
        # In a historical run nothing is decided while an order's fate is open: the same history
        # must come out however often it is interrupted. And where a halt waits to be written,
        # nothing is decided as if there were none.
        waits = self._historical and (self.busy or self._log.state.unresolved())
        waits = waits or self._a_halt_is_unwritten or self._is_in_no_hurry
        if obeyed and audited and not waits:
            self._decide(consumer, tuning, ends_at, known=known)
            self._waiting.tell(consumer)
        decided = (self._log.next_offset, self.held) != before
        if decided:
            self._obeying.obey()  # a halt waits for one transaction, not for two
        wait_s = 0.05 if self._historical else 0.0 if decided else BUSY_WAIT_S
        answered = False
        if not decided and self.asks_the_market:
            answered = self._decider.market.wait(BUSY_WAIT_S)
            wait_s = 0.0
        self._orders.collect(wait_s, all_of_them=self._historical)
        self._write_outcomes(tuning)
        return answered or (self._log.next_offset, self.held) != before

    def stop(self, consumer: Consumer, tuning: TuningSettings, reason: str) -> None:
        """Start nothing more, write down what is under way, say good-bye."""
        deadline = time.monotonic() + tuning.drain_timeout_ms / 1000
        self._orders.gate.shut(reason)
        while time.monotonic() < deadline:
            consume_batch(consumer, 1, 0)  # a rebalance must not wait for our farewell
            if self._abandoned:
                return  # and it took the seat: there is nothing more to say
            self._orders.collect(0.05)
            if self._write_outcomes(tuning) and not self.busy:
                break
        self.appending.append(
            dispatcher_stopped(
                self._decider.author, SystemClock().now(), self._began_at, reason, self.counts
            )
        )
        self.abandon(reason)

    def hand_over(self, tuning: TuningSettings) -> None:
        """Let nothing start, wait for POSTs under way within their window, write their outcomes."""
        self._orders.gate.shut("the seat was revoked")
        self._orders.gate.drained(tuning.submit_window_ms / 1000)
        self._orders.collect(0.05)
        self._write_outcomes(tuning)

    def abandon(self, reason: str) -> None:
        """Submit nothing more; whatever is under way is the next owner's to look up."""
        self._abandoned = True
        self._orders.close(reason)
        self._auditing.close()
        self._identity.close()

    @property
    def _a_halt_is_unwritten(self) -> bool:
        return self._orders.gate.level > level_of(self._log.state.trading)

    @property
    def _is_in_no_hurry(self) -> bool:
        if self._historical or self._log.state.trading.status is not TradingStatus.HALTED:
            return False
        return self._clock.elapsed_s() - self._held_since_s < HALTED_WAIT_S

    def _writer(self, tuning: TuningSettings) -> Writer:
        return Writer(
            author=self._decider.author,
            now=self._clock.now(),
            limits=self._decider.limits,
            submit_window_ms=tuning.submit_window_ms,
            answer_within_ms=tuning.answer_within_ms,
        )

    def _decide(
        self, consumer: Consumer, tuning: TuningSettings, ends_at: int | None, *, known: bool
    ) -> None:
        batch = self._next_batch(tuning, ended=ends_at is not None and self._read_to(ends_at))
        room = self._room(tuning) if known else 0
        if known and isinstance(self._clock, HistoricalClock):
            room = len(batch)
            for incoming in batch:
                if incoming.recommendation is not None:
                    self._clock.move_to(incoming.recommendation.issued_at)
        if not batch:
            return
        stamped_at_s = self._clock.elapsed_s()
        decisions = self._decider.decide(
            self._log.state,
            batch,
            self._clock.now(),
            log_offset=self._log.next_offset,
            intents_max=max(0, room),
            command_offset=self._obeying.next_offset,
        )
        refusal = self._decider.market.refusal()
        if refusal is not None:
            self._auditing.refused(refusal)
        if decisions.taken == 0:
            return  # the first of them waits: for its market, or for room
        self.appending.hold_for(decisions.events, decisions.records, Holder.DECISION)
        position = self._waiting.beside(decisions.next_offset)

        def write() -> dict[str, int]:
            return self._seat.append(decisions.records, offsets=position, consumer=consumer)

        committed = self.appending.transact(write, decisions.state)
        self._orders.gate.release(Holder.DECISION)  # if not, nothing of it has happened
        if committed:
            self._intake.drop(decisions.taken)
            self._waiting.decided(position)
            self._count(decisions)
            self._orders.start(decisions.events, self._log.state, stamped_at_s)

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

    def _read_to(self, end: int) -> bool:
        return self._intake.read_to >= end

    def _write_outcomes(self, tuning: TuningSettings) -> bool:
        """Append what the broker's answers come to; say whether nothing is left to write."""
        if not self._orders.facts_unwritten:
            return True
        stamped_at_s = self._clock.elapsed_s()
        outcomes = self._orders.outcomes(
            self._log.state, self._writer(tuning), self._decider.record
        )
        self.appending.hold_for(outcomes.events, outcomes.records, Holder.OUTCOME)
        if outcomes.records and not self.appending.transact(
            lambda: self._seat.append(outcomes.records), outcomes.state
        ):
            return False
        self._orders.gate.release(Holder.OUTCOME)
        self._orders.written(outcomes, self._log.state)
        self._orders.start(outcomes.events, self._log.state, stamped_at_s)
        return True

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
