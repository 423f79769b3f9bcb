"""When an account stops itself, and how far: pure answers that the dispatcher appends.

Each halt's id is derived from its cause, so that a crash, a hand-over or a second look at the same
cause changes the account once; an operator who resumes it is not overruled by the same cause.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeAlias

from accounts.calendar import exchange_day
from accounts.daily_loss import day_loss
from accounts.limits import Limits, OnDailyLoss
from accounts.state import AccountState, TradingStatus
from accounts.words import dollars
from events import roles
from events.account import AccountHalted, AccountReduced
from events.author import Author
from events.catalog import LogEvent
from events.decision import RecommendationDeclined
from events.envelope import Envelope
from events.identifiers import RecommendationId
from events.order import OrderFilled

Halt: TypeAlias = AccountHalted | AccountReduced

FAILURES_IN_ROW_MAX: Final = 10
FAILING_TICKERS_MIN: Final = 3
_BY: Final = "dispatcher"
_ACCOUNT: Final = "account"


def automatic_halt(
    state: AccountState,
    event: LogEvent,
    limits: Limits,
    author: Author,
    now: datetime,
) -> Halt | None:
    """Return what `event`, folded into `state` already, makes the account do to itself."""
    if isinstance(event, RecommendationDeclined):
        return halt_after_daily_loss(state, event, limits, author, now)
    return halt_after_failures(state, author, event.envelope.recommendation_id, now)


def halt_after_answer(
    told: Sequence[LogEvent], state: AccountState, limits: Limits, author: Author, now: datetime
) -> Halt | None:
    """Return what the events of one answer of the broker, folded into `state`, call for."""
    if not told:
        return None
    halt = halt_after_failures(state, author, told[-1].envelope.recommendation_id, now)
    if halt is not None or not any(isinstance(event, OrderFilled) for event in told):
        return halt
    return halt_after_loss(state, told[-1].envelope, limits, author, now)


def halt_after_failures(
    state: AccountState, author: Author, recommendation: int | None, now: datetime
) -> AccountHalted | None:
    """Return the halt that 10 failures in a row over 3 tickers call for, None where they do not."""
    if (
        recommendation is None
        or state.trading.status is TradingStatus.HALTED
        or state.failures_in_row < FAILURES_IN_ROW_MAX
        or len(state.failing_tickers) < FAILING_TICKERS_MIN
    ):
        return None
    return AccountHalted(
        envelope=author.about_recommendation(
            RecommendationId(recommendation), roles.halt("failures"), occurred_at=now
        ),
        by=_BY,
        reason=f"{state.failures_in_row} recommendations failed in a row, over "
        f"{len(state.failing_tickers)} tickers: `dispatcher failures list` shows them",
    )


def halt_after_daily_loss(
    state: AccountState,
    decision: RecommendationDeclined,
    limits: Limits,
    author: Author,
    now: datetime,
) -> Halt | None:
    """Return what the first entry declined for the day's loss does to an ACTIVE account.

    Once a New York day: who resumes the account afterwards has decided, and the gate goes on
    declining.
    """
    if "daily_loss_limit" not in decision.declined_by:
        return None
    [said] = [one for one in decision.gates if one.gate == "daily_loss_limit"]
    words = f"{said.observed}; allowed is {said.threshold}"
    return _stopped_for_the_day(state, words, decision.envelope, limits, author, now)


def halt_after_loss(
    state: AccountState, cause: Envelope, limits: Limits, author: Author, now: datetime
) -> Halt | None:
    """Return what a day does that has cost too much, by a fill or by the broker's books (`cause`).

    The same, and as often, as an entry declined for it: nobody has to advise one first.
    """
    loss = day_loss(state, limits, exchange_day(now))
    if not loss.is_reached or "daily_loss_limit" in limits.disabled_gates:
        return None
    if loss.pnl == 0:
        return None  # an account without money may lose nothing, and has not
    words = f"{loss.words}; allowed is a loss below {dollars(loss.allowed)}"
    return _stopped_for_the_day(state, words, cause, limits, author, now)


def _stopped_for_the_day(
    state: AccountState,
    words: str,
    cause: Envelope,
    limits: Limits,
    author: Author,
    now: datetime,
) -> Halt | None:
    if limits.on_daily_loss is OnDailyLoss.DECLINE:
        return None
    if state.trading.status is not TradingStatus.ACTIVE:
        return None
    envelope = author.about(
        _ACCOUNT,
        roles.halt(f"daily-loss-{exchange_day(now)}"),
        occurred_at=now,
        causation_id=str(cause.event_id),
    )
    if envelope.event_id in state.applied:
        return None
    reason = f"the day has cost too much: {words}"
    if limits.on_daily_loss is OnDailyLoss.HALT:
        return AccountHalted(envelope=envelope, by=_BY, reason=reason)
    return AccountReduced(envelope=envelope, by=_BY, reason=f"{reason}; exits stay possible")


def halt_after_reconciliation(
    state: AccountState,
    differences: Sequence[str],
    cause: Envelope,
    author: Author,
    now: datetime,
) -> AccountHalted | None:
    """Return the halt that books unlike the broker's call for; `cause` is `AccountReconciled`'s.

    A halt, not a reduction: an exit would sell what may not be held.
    """
    if not differences or state.trading.status is TradingStatus.HALTED:
        return None
    envelope = author.about(
        f"event:{cause.event_id}",
        roles.halt("reconciliation"),
        occurred_at=now,
        causation_id=str(cause.event_id),
    )
    if envelope.event_id in state.applied:
        return None
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    reason = f"our books are not the broker's: {differences[0]}{more}"
    return AccountHalted(envelope=envelope, by=_BY, reason=reason)


def halt_after_refused_credentials(
    state: AccountState, said: str, author: Author, now: datetime
) -> AccountHalted | None:
    """Return the halt that a broker calls for which refuses our credentials; `said` is its answer.

    After a resumption the next refusal halts anew: nothing can be sent, and nothing be looked up.
    """
    if state.trading.status is TradingStatus.HALTED:
        return None
    since = state.trading.since
    period = "opening" if since is None else since.isoformat()
    return AccountHalted(
        envelope=author.about(_ACCOUNT, roles.halt(f"credentials-since-{period}"), occurred_at=now),
        by=_BY,
        reason=f"the broker refuses our credentials: {said}; renew them, then resume",
    )


def halt_after_another_account(
    state: AccountState, number: str, author: Author, now: datetime
) -> AccountHalted | None:
    """Return the halt for a broker that answers for account `number`, which is not this log's.

    As after refused credentials, the next such answer after a resumption halts anew.
    """
    if state.trading.status is TradingStatus.HALTED:
        return None
    since = state.trading.since
    period = "opening" if since is None else since.isoformat()
    return AccountHalted(
        envelope=author.about(
            _ACCOUNT, roles.halt(f"another-account-since-{period}"), occurred_at=now
        ),
        by=_BY,
        reason=f"our key opens account {number} at the broker, which is not this one: are two "
        "accounts' keys swapped? what was sent lately may be there",
    )
