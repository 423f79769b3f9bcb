"""One batch of recommendations to the records of one transaction, on a scratch state."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, cast

from accounts.decide import DecisionContext, decide, failure, plain_text
from accounts.evolve import evolve
from accounts.limits import Limits
from accounts.state import AccountState
from consumers.dispatcher.halting import halt_after_failures
from consumers.dispatcher.intake import Incoming
from consumers.dispatcher.market_views import MarketAwaited, MarketViews, seen_through
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
from events.topics import DEAD_LETTERS, RECORD_BYTES_MAX, log_of

DEAD_LETTER_BYTES_MAX: Final = RECORD_BYTES_MAX - 64 * 1024
"""Leaves room for the story in the headers."""


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
    ) -> Decisions:
        """Decide each of `batch` in turn, each seeing what came before it.

        Stops early when `intents_max` orders are intended, or where a view of the market has to
        be waited for; `taken` says how far it came.
        """
        done = Decisions(state, now)
        self.market.begin()
        for incoming in batch:
            if done.intents >= intents_max:
                break
            if incoming.recommendation is None:
                done.records.append(self._dead_letter(incoming, now))
            else:
                seen = OffsetsSeen(
                    log=log_offset + len(done.events),
                    recommendations=incoming.origin.offset + 1,
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
            fresh_s = self.limits.recommendation_freshness_seconds
            view = self.market.view(recommendation, done.now, fresh_s)
            advice = seen_through(recommendation, view)
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
        halt = halt_after_failures(
            done.state, self.author, recommendation.recommendation_id, done.now
        )
        if halt is not None:
            tell(halt)
            done.events.append(halt)
            done.records.append(self.record(halt))
            done.state = evolve(done.state, halt)

    def _dead_letter(self, incoming: Incoming, now: datetime) -> Record:
        reason = plain_text(incoming.refusal or "")
        origin = incoming.origin
        get_log().warning(
            "recommendation_dead_lettered",
            account_name=self.author.account,
            offset=origin.offset,
            error=reason,
        )
        headers = {
            "dlq.reason": "undecodable" if reason.startswith("undecodable") else "refused",
            "dlq.error": reason,
            "dlq.account": self.author.account,
            "dlq.source.topic": origin.topic,
            "dlq.source.partition": str(origin.partition),
            "dlq.source.offset": str(origin.offset),
            "dlq.at": now.isoformat(),
        }
        value, key = _bytes(incoming.message.value()) or b"", _bytes(incoming.message.key())
        headers_read = cast("list[tuple[str, bytes | None]]", incoming.message.headers() or [])
        own = [(name, text or b"") for name, text in headers_read]
        if sum(map(len, (value, key or b"", *(text for _, text in own)))) > DEAD_LETTER_BYTES_MAX:
            # It stays where it was read; what it was can be told from this.
            headers |= {"dlq.size": str(len(value)), "dlq.sha256": sha256(value).hexdigest()}
            value, key, own = b"", None, []
        told = [(name, text.encode()) for name, text in headers.items()]
        return Record(DEAD_LETTERS.name, value, key, tuple(own + told))


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
