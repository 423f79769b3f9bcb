"""What would have become of an account under other limits: its decisions as they are, simulated.

Nothing here reads or writes anything. The decider and the rules that turn a broker's answer into
events are the dispatcher's own; the clock is the recommendations', the broker the simulated one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from typing import Final
from uuid import UUID

from accounts.calendar import exchange_day
from accounts.evolve import evolve
from accounts.halting import halt_after_answer
from accounts.limits import Limits
from accounts.special_limits import without_brackets
from accounts.state import AccountState, TradingStatus
from accounts.track_record import Fate, Summary, TrackRecord
from brokers.broker import OrderRequest
from brokers.errors import OrderRefused
from brokers.simulated import SimulatedBroker, SimulationTerms
from consumers.dispatcher.decider import Decider
from consumers.dispatcher.facts import Fact, Reported, WasRefused
from consumers.dispatcher.historical_clock import HistoricalClock
from consumers.dispatcher.intake import Incoming
from consumers.dispatcher.market_views import MarketAtHand
from consumers.dispatcher.opening import account_opened
from consumers.dispatcher.outcomes import Writer, events_of
from consumers.settings_account import AccountSettings
from consumers.what_if_market import SeenMarket
from consumers.what_if_past import Past
from events import roles
from events.account import AccountOpened, AccountResumed
from events.author import Author
from events.catalog import LogEvent
from events.codec import Codec
from events.identifiers import ClientOrderId
from events.order import ExecutionMode, OrderIntended

RUN: Final = UUID(int=0)
"""The run of events that never happened."""

_ITSELF: Final = "dispatcher"
"""Who halts or reduces an account that does it to itself."""

_BEFORE_HISTORY: Final = datetime(1900, 1, 1, tzinfo=UTC)


class Difference(StrEnum):
    """What differs: how it ends, how much was traded at what price, or only which gates declined.

    `END` includes an order that is open under one set of limits only.
    """

    END = "end"
    TRADE = "trade"
    GATES = "gates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A recommendation that fares differently."""

    now: Fate
    what_if: Fate

    @property
    def kind(self) -> Difference:
        """What differs."""
        if self.now.end is not self.what_if.end:
            return Difference.END
        both = self.now, self.what_if
        if len({(one.quantity, one.filled, one.price) for one in both}) > 1:
            return Difference.TRADE
        return Difference.GATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same recommendations under two sets of limits, simulated alike."""

    now: Summary
    what_if: Summary
    differing: tuple[Differing, ...]


class Simulation:
    """One account, alone with its recommendations and the simulated broker."""

    def __init__(
        self,
        account: AccountSettings,
        limits: Limits,
        opened: AccountOpened,
        codec: Codec,
        *,
        past: Past | None = None,
        resume_next_day: bool = False,
    ) -> None:
        """Be as the account was at the start of its `past`, or when it was opened.

        Then it has its cash, and holds nothing. Orders that were open at the start become what
        they became on the log; the broker's own figures of then are left behind, as nobody tells
        newer ones.

        With `resume_next_day` what the account did to itself ends with the exchange's day, as if
        somebody resumed it before the next one; without it nobody does. Of new orders no stop and
        no target is held: the simulated broker sees no market after an order.
        """
        self._resume_next_day = resume_next_day
        terms, tuning = account.simulation, account.tuning
        self._broker = SimulatedBroker(
            account_number=opened.broker_account_number,
            terms=SimulationTerms(
                slippage_bps=terms.slippage_bps,
                fee_per_order=terms.fee_per_order,
                partial_fills=terms.partial_fills,
            ),
        )
        self._clock = HistoricalClock(self._broker, _BEFORE_HISTORY)
        self._decider = Decider(
            author=_author(account),
            codec=codec,
            limits=without_brackets(limits),
            market=MarketAtHand(SeenMarket({} if past is None else past.seen)),
            mode=ExecutionMode.SIMULATED,
            submit_window_ms=tuning.submit_window_ms,
            answer_within_ms=tuning.answer_within_ms,
        )
        start = None if past is None else past.start
        self._state = (
            evolve(AccountState(), opened) if start is None else replace(start, broker=None)
        )
        self._outcomes = deque(() if start is None or past is None else past.outcomes)
        self.record: Final = TrackRecord(self._state)

    def turn(self, moment: Sequence[Incoming]) -> list[LogEvent]:
        """Decide all recommendations of one moment, let the broker answer; return the events."""
        for incoming in moment:
            if incoming.recommendation is not None:
                self._clock.move_to(incoming.recommendation.issued_at)
        events = self._hear(self._clock.now())
        self._resume(events)
        decisions = self._decider.decide(
            self._state, moment, self._clock.now(), log_offset=0, intents_max=len(moment)
        )
        for event in decisions.events:
            self._take(event, events)
        intents = [event for event in decisions.events if isinstance(event, OrderIntended)]
        # Answered in the order in which the dispatcher writes what one moment's orders came to.
        for intent in sorted(intents, key=lambda one: one.envelope.recommendation_id or 0):
            self._answer(self._submit(intent), events)
        return events

    def finish(self) -> list[LogEvent]:
        """Let the rest become of old orders what it became on the log; return the events."""
        return self._hear(None)

    def _hear(self, until: datetime | None) -> list[LogEvent]:
        """Take what became of old orders `until` then (None: ever) as the log tells it."""
        events: list[LogEvent] = []
        while self._outcomes:
            at = self._outcomes[0].envelope.occurred_at
            if until is not None and at > until:
                break
            self._clock.move_to(at)
            self._told([self._outcomes.popleft()], events)
        return events

    def _resume(self, events: list[LogEvent]) -> None:
        trading, now = self._state.trading, self._clock.now()
        if not self._resume_next_day or trading.by != _ITSELF or trading.since is None:
            return
        day = exchange_day(now)
        if trading.status is not TradingStatus.ACTIVE and exchange_day(trading.since) < day:
            envelope = self._decider.author.about(f"what-if:{day}", roles.COMMAND, occurred_at=now)
            resumed = AccountResumed(envelope=envelope, by="what-if", reason="the next day")
            self._take(resumed, events)

    def _submit(self, event: OrderIntended) -> Fact:
        order = ClientOrderId(event.terms.client_order_id)
        request = OrderRequest(terms=event.terms, sent_at=event.envelope.occurred_at)
        try:
            report = self._broker.submit(request)
        except OrderRefused as refusal:
            return WasRefused(order=order, refusal=refusal)
        return Reported(order=order, report=report, looked_up=False)

    def _answer(self, fact: Fact, events: list[LogEvent]) -> None:
        writer = Writer(
            author=self._decider.author,
            now=self._clock.now(),
            limits=self._decider.limits,
            submit_window_ms=self._decider.submit_window_ms,
            answer_within_ms=self._decider.answer_within_ms,
        )
        self._told(events_of(fact, self._state, writer), events)

    def _told(self, told: Sequence[LogEvent], events: list[LogEvent]) -> None:
        """Take what the broker told, and what the account does to itself for it."""
        for event in told:
            self._take(event, events)
        decider = self._decider
        halt = halt_after_answer(
            told, self._state, decider.limits, decider.author, self._clock.now()
        )
        if halt is not None:
            self._take(halt, events)

    def _take(self, event: LogEvent, events: list[LogEvent]) -> None:
        self._state = evolve(self._state, event)
        self.record.take(event, self._state)
        events.append(event)


def opening(account: AccountSettings, recommendations: Sequence[Incoming]) -> AccountOpened:
    """Return how an account that has never run would be opened, for these recommendations."""
    first = recommendations[0]
    issued_at = _BEFORE_HISTORY if first.recommendation is None else first.recommendation.issued_at
    return account_opened(_author(account), account, issued_at, first_offset=first.origin.offset)


def moments(recommendations: Iterable[Incoming]) -> Iterator[list[Incoming]]:
    """Yield what was issued at one moment together, in the order of the topic."""
    readable = (one for one in recommendations if one.recommendation is not None)
    for _, moment in groupby(readable, _issued_at):
        yield list(moment)


def compare(
    now: Simulation,
    what_if: Simulation,
    recommendations: Sequence[Incoming],
    on_progress: Callable[[int], None] = lambda _done: None,
) -> Comparison:
    """Let both go through `recommendations`; the same input gives the same answer.

    Args:
        now: The account under its present limits.
        what_if: The account under other ones.
        recommendations: In the order of their topic.
        on_progress: Called with how many both have decided.
    """
    done = 0
    for moment in moments(recommendations):
        now.turn(moment)
        what_if.turn(moment)
        done += len(moment)
        on_progress(done)
    now.finish()
    what_if.finish()
    theirs = what_if.record.fates
    differing = tuple(
        Differing(now=fate, what_if=theirs[number])
        for number, fate in now.record.fates.items()
        if fate != theirs[number]
    )
    return Comparison(
        now=now.record.summary(), what_if=what_if.record.summary(), differing=differing
    )


def _issued_at(incoming: Incoming) -> datetime | None:
    return None if incoming.recommendation is None else incoming.recommendation.issued_at


def _author(account: AccountSettings) -> Author:
    return Author(account=account.account, run_id=RUN, config_hash="what-if", build="what-if")
