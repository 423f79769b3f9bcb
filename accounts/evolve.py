"""One event onto an account's state: pure, total, idempotent."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from accounts.adjust import adjusted
from accounts.calendar import exchange_day
from accounts.changing import changed
from accounts.decisions import declined, failed, intended
from accounts.outcomes import accepted, canceled, filled, outcome_unknown, rejected, resent
from accounts.state import (
    AccountState,
    BrokerFigures,
    DayBook,
    Trading,
    TradingStatus,
    Version,
)
from events.account import (
    AccountHalted,
    AccountOpened,
    AccountReconciled,
    AccountReduced,
    AccountResumed,
    CommandRefused,
    DispatcherStarted,
    DispatcherStopped,
    IncidentRecorded,
    LegacyExecutionImported,
    PositionAdjusted,
)
from events.catalog import LogEvent
from events.decision import RecommendationDeclined, RecommendationFailed
from events.envelope import Origin
from events.identifiers import AccountName
from events.order import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
)
from events.topics import RECOMMENDATIONS, commands_of


def fold(events: Iterable[LogEvent], state: AccountState | None = None) -> AccountState:
    """Return the account after `events`, from `state` or from nothing."""
    after = AccountState() if state is None else state
    for event in events:
        after = evolve(after, event)
    return after


def evolve(state: AccountState, event: LogEvent) -> AccountState:
    """Return the account after `event`; any event twice is that event once.

    Never raises: an illegal transition counts as one incident and changes nothing else.
    """
    if event.envelope.event_id in state.applied:
        return state
    after = _applied_on_its_day(state, event)
    source = event.envelope.source
    if source is None or after.incidents != state.incidents:
        return after
    return _read(after, source, event.envelope.account_name)


def _applied_on_its_day(state: AccountState, event: LogEvent) -> AccountState:
    """Open the day's book first where the event is the first about a recommendation that day."""
    if event.envelope.recommendation_id is None:
        return _applied(state, event)
    before = _on_day_of(state, event.envelope.occurred_at)
    after = _applied(before, event)
    return state if after is before else after  # what changes nothing opens no day


def _on_day_of(state: AccountState, at: datetime) -> AccountState:
    day = exchange_day(at)
    if state.day is not None and day <= state.day.day:
        return state  # a clock that went back does not open yesterday again
    book = DayBook(day=day, equity_at_start=state.equity, realised_at_start=state.realised_pnl)
    return changed(state, day=book)


def _applied(state: AccountState, event: LogEvent) -> AccountState:  # noqa: C901, PLR0911, PLR0912 -- one case per event
    match event:
        case OrderIntended():
            return intended(state, event)
        case RecommendationDeclined():
            return declined(state, event)
        case OrderAccepted():
            return accepted(state, event)
        case OrderFilled():
            return filled(state, event)
        case OrderRejected():
            return rejected(state, event)
        case OrderCanceled() | OrderExpired():
            return canceled(state, event)
        case OrderOutcomeUnknown():
            return outcome_unknown(state, event)
        case OrderResent():
            return resent(state, event)
        case RecommendationFailed():
            return failed(state, event)
        case AccountOpened():
            return _opened(state, event)
        case DispatcherStarted():
            return _started(state, event)
        case AccountHalted():
            return _trading(state, event, TradingStatus.HALTED)
        case AccountReduced():
            return _trading(state, event, TradingStatus.REDUCED)
        case AccountResumed():
            resumed = changed(state, failures_in_row=0, failing_tickers=frozenset())
            return _trading(resumed, event, TradingStatus.ACTIVE)
        case PositionAdjusted():
            return adjusted(state, event)
        case AccountReconciled():
            return _reconciled(state, event)
        case IncidentRecorded():
            return state.with_incident(event.envelope.event_id)
        case CommandRefused():
            # Known from now on: the same command, read again, is not answered again.
            return changed(state, applied=state.applied.set(event.envelope.event_id, None))
        case DispatcherStopped() | LegacyExecutionImported():
            return state


def _opened(state: AccountState, event: AccountOpened) -> AccountState:
    if state.opened is not None:
        if state.opened.envelope.event_id == event.envelope.event_id:
            return state
        return state.with_incident(event.envelope.event_id)
    day = state.day
    if day is not None:  # what it starts with was not won today
        day = replace(day, equity_at_start=day.equity_at_start + event.starting_cash)
    return changed(
        state,
        opened=event,
        cash=state.cash + event.starting_cash,
        day=day,
        next_recommendation_offset=max(state.next_recommendation_offset, event.first_offset),
    )


def _started(state: AccountState, event: DispatcherStarted) -> AccountState:
    envelope = event.envelope
    version = Version(
        started_at=envelope.occurred_at,
        run_id=envelope.dispatcher_run_id,
        build=envelope.build,
        config_hash=envelope.config_hash,
        limits=event.limits,
    )
    known = state.version
    if known is not None and (known.started_at, known.run_id) >= (
        version.started_at,
        version.run_id,
    ):
        return state  # an old start told again does not make it the last one
    return changed(state, version=version)


def _trading(
    state: AccountState,
    event: AccountHalted | AccountReduced | AccountResumed,
    status: TradingStatus,
) -> AccountState:
    asked = isinstance(event, AccountHalted) and event.cancel_open
    trading = Trading(
        status=status,
        since=event.envelope.occurred_at,
        by=event.by,
        reason=event.reason,
        # A halt for another reason does not take back that open orders are to be cancelled.
        cancel_open=asked or (status is TradingStatus.HALTED and state.trading.cancel_open),
    )
    return changed(state, trading=trading, applied=state.applied.set(event.envelope.event_id, None))


def _reconciled(state: AccountState, event: AccountReconciled) -> AccountState:
    at = event.envelope.occurred_at
    if state.reconciled_at is not None and at <= state.reconciled_at:
        return state
    return changed(
        state,
        reconciled_at=at,
        differences=event.differences,
        broker=_figures(event) or state.broker,
    )


def _figures(event: AccountReconciled) -> BrokerFigures | None:
    figures = BrokerFigures(
        at=event.envelope.occurred_at,
        cash=event.broker_cash,
        equity=event.broker_equity,
        last_equity=event.broker_last_equity,
        buying_power=event.broker_buying_power,
    )
    named = (figures.cash, figures.equity, figures.last_equity, figures.buying_power)
    return None if all(figure is None for figure in named) else figures


def _read(state: AccountState, source: Origin, account: str) -> AccountState:
    following = source.offset + 1
    if source.topic == RECOMMENDATIONS.name:
        if following > state.next_recommendation_offset:
            return changed(state, next_recommendation_offset=following)
    elif (
        following > state.next_command_offset
        and source.topic == commands_of(AccountName(account)).name
    ):
        return changed(state, next_command_offset=following)
    return state
