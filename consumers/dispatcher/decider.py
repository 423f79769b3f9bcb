"""One batch of recommendations to the records of one transaction, on a scratch state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from accounts.contracts import with_held_contract
from accounts.decide import DecisionContext, decide, failure, plain_text
from accounts.evolve import evolve
from accounts.halting import automatic_halt
from accounts.limits import Limits
from accounts.special_limits import limits_for
from accounts.state import AccountState, TradingStatus
from consumers.dispatcher.dead_letter import dead_letter
from consumers.dispatcher.intake import Incoming
from consumers.dispatcher.market_views import Asking, MarketAwaited, MarketViews, seen_through
from consumers.dispatcher.seat import Record
from consumers.dispatcher.telling import tell
from consumers.errors import ServiceUnreachable
from consumers.logs import get_log
from events.author import Author
from events.catalog import LogEvent
from events.codec import Codec
from events.decision import OffsetsSeen
from events.identifiers import RecommendationId
from events.order import ExecutionMode, OrderIntended
from events.recommendation import RecommendationIssued
from events.topics import log_of

FRESHNESS: Final = "recommendation_freshness"


@dataclass(slots=True)
class Decisions:
    """What a batch comes to: nothing of it is true before its transaction has committed."""

    state: AccountState
    now: datetime
    taken: int = 0
    next_offset: int = 0
    events: list[LogEvent] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    intents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Everything that one account's decisions depend on, but for its state and the time."""

    author: Author
    codec: Codec
    limits: Limits
    market: MarketViews
    mode: ExecutionMode
    submit_window_ms: int
    answer_within_ms: int

    def decide(
        self,
        state: AccountState,
        batch: Sequence[Incoming],
        now: datetime,
        *,
        log_offset: int,
        intents_max: int,
        command_offset: int | None = None,
    ) -> Decisions:
        """Decide each of `batch` in turn, each seeing what came before it.

        Stops early at the first that may become an order when `intents_max` are intended already,
        or where a view of the market has to be waited for; `taken` says how far it came.
        `command_offset` is the offset after the last command that was read.
        """
        done = Decisions(state, now)
        self.market.ahead(self._ordered_next(batch, done), intents_max)
        for incoming in batch:
            if done.intents >= intents_max and self._may_be_ordered(incoming, done):
                break
            if incoming.recommendation is None:
                done.records.append(self._dead_letter(incoming, now))
            else:
                seen = OffsetsSeen(
                    log=log_offset + len(done.events),
                    recommendations=incoming.origin.offset + 1,
                    commands=command_offset,
                )
                try:
                    self._decide_one(incoming, incoming.recommendation, seen, done)
                except MarketAwaited:
                    break
            done.taken += 1
            done.next_offset = incoming.origin.offset + 1
        return done

    def record(self, event: LogEvent) -> Record:
        """Return `event` as the record to append to the account's log."""
        key = self.author.account.encode()
        return Record(log_of(self.author.account).name, self.codec.encode(event), key)

    def _may_be_ordered(self, incoming: Incoming, done: Decisions) -> bool:
        """Whether it may become an order: what went stale while it waited is declined."""
        advice = incoming.recommendation
        return advice is not None and self._asking(advice, done) is not Asking.NEVER

    def _ordered_next(
        self, batch: Sequence[Incoming], done: Decisions
    ) -> Iterator[RecommendationIssued]:
        for incoming in batch:
            advice = incoming.recommendation
            if advice is None or not self._may_be_ordered(incoming, done):
                continue
            if not done.state.is_decided(RecommendationId(advice.recommendation_id)):
                yield with_held_contract(done.state, advice)

    def _asking(self, advice: RecommendationIssued, done: Decisions) -> Asking:
        """Return how long a market is waited for: not at all for what is declined in any case."""
        if done.state.trading.status is TradingStatus.HALTED:
            return Asking.NEVER
        limits = limits_for(self.limits, advice.instrument_type, advice.strategy_type)
        fresh = timedelta(seconds=limits.recommendation_freshness_seconds)
        ahead = timedelta(milliseconds=limits.clock_tolerance_ms)
        if -ahead <= done.now - advice.issued_at <= fresh:  # else hours might be waited for
            return Asking.WHILE_FRESH
        return Asking.ONCE if FRESHNESS in self.limits.disabled_gates else Asking.NEVER

    def _decide_one(
        self,
        incoming: Incoming,
        recommendation: RecommendationIssued,
        seen: OffsetsSeen,
        done: Decisions,
    ) -> None:
        context = DecisionContext(
            author=self.author,
            now=done.now,
            source=incoming.origin,
            seen=seen,
            execution_mode=self.mode,
            submit_window_ms=self.submit_window_ms,
            answer_within_ms=self.answer_within_ms,
        )
        event: LogEvent | None
        try:
            if done.state.is_decided(RecommendationId(recommendation.recommendation_id)):
                return  # read again: no reason to ask anybody
            asked = with_held_contract(done.state, recommendation)
            view = self.market.view(asked, self._asking(asked, done))
            advice = seen_through(asked, view)
            market = None if view is None else view.market
            event = decide(done.state, advice, market, self.limits, context)
            if event is None:
                return
            record = self.record(event)
            state = evolve(done.state, event)
        except (ServiceUnreachable, MarketAwaited):
            raise  # no fault of this recommendation: it is decided when the service is back
        except Exception as error:  # noqa: BLE001 -- a bug costs one recommendation, not the account
            get_log().exception(
                "processing_error",
                account_name=self.author.account,
                recommendation_id=recommendation.recommendation_id,
                ticker=recommendation.ticker,
                error=f"{type(error).__name__}: {error}",
            )
            event = failure(recommendation, error, context)
            record = self.record(event)
            state = evolve(done.state, event)
        else:
            tell(event)
        done.events.append(event)
        done.records.append(record)
        done.state = state
        done.intents += isinstance(event, OrderIntended)
        halt = automatic_halt(done.state, event, self.limits, self.author, done.now)
        if halt is not None:
            tell(halt)
            done.events.append(halt)
            done.records.append(self.record(halt))
            done.state = evolve(done.state, halt)

    def _dead_letter(self, incoming: Incoming, now: datetime) -> Record:
        reason, origin = plain_text(incoming.refusal or ""), incoming.origin
        get_log().warning(
            "recommendation_dead_lettered",
            account_name=self.author.account,
            offset=origin.offset,
            error=reason,
        )
        return dead_letter(incoming.message, origin, reason, self.author.account, now)
