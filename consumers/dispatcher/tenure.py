"""What an account's dispatcher does for as long as it has the seat.

One loop, one writer: decide a batch, commit its events with the source's offset, submit, append
what came of it. Nothing here outlives the seat but what is committed.
"""

import time
from typing import Final

from confluent_kafka import Consumer

from consumers.clock import Clock, SystemClock
from consumers.dispatcher.appending import Appending
from consumers.dispatcher.auditing import Auditing
from consumers.dispatcher.command_log import CommandLog
from consumers.dispatcher.commanding import Commanding
from consumers.dispatcher.decider import Decider
from consumers.dispatcher.deciding import Deciding
from consumers.dispatcher.historical_clock import HistoricalClock
from consumers.dispatcher.holding import follow, level_of
from consumers.dispatcher.identity import Identity
from consumers.dispatcher.log_reader import AccountLog
from consumers.dispatcher.obeying import Obeying
from consumers.dispatcher.opening import Counts, dispatcher_stopped
from consumers.dispatcher.orders import Orders
from consumers.dispatcher.outcomes import Writer
from consumers.dispatcher.reconciler import Reconciler
from consumers.dispatcher.seat import Seat
from consumers.dispatcher.submit_gate import Holder
from consumers.kafka import Batch, consume_batch
from consumers.settings_account import TuningSettings

BUSY_WAIT_S: Final = 0.005
"""How long the loop waits for the broker before it looks at Kafka again."""


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
        self._deciding = Deciding(self.appending, orders, self._auditing, clock, recommendations)
        self._log = log
        self._seat = seat
        self._orders = orders
        self._decider = decider
        self._clock = clock
        self._historical = isinstance(clock, HistoricalClock)
        self._abandoned = False
        self._began_at = SystemClock().now()

    @property
    def counts(self) -> Counts:
        """Return what was decided, which goes on counting."""
        return self._deciding.counts

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
        return self._deciding.held

    def settled(self, end: int) -> bool:
        """Say whether everything before offset `end` is decided, and every order's fate known."""
        return (
            self._deciding.has_read_to(end)
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
        self._deciding.begin(start)
        self._orders.listen()
        self._orders.watch(self._log.state.orders.values())
        self._obeying.begin()

    def take_in(self, batch: Batch) -> None:
        """Hold what was read from `recommendations`."""
        self._deciding.take_in(batch)

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
        waits = waits or self._a_halt_is_unwritten or self._deciding.is_in_no_hurry
        if obeyed and audited and not waits:
            self._deciding.decide(
                consumer,
                tuning,
                ended=ends_at is not None and self._deciding.has_read_to(ends_at),
                known=known,
                command_offset=self._obeying.next_offset,
            )
            self._deciding.tell_of_waiting(consumer)
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

    def _writer(self, tuning: TuningSettings) -> Writer:
        return Writer(
            author=self._decider.author,
            now=self._clock.now(),
            limits=self._decider.limits,
            submit_window_ms=tuning.submit_window_ms,
            answer_within_ms=tuning.answer_within_ms,
        )

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
