"""The decision: a recommendation and everything known about it become one event."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from accounts.brackets import Exits, exits_of
from accounts.draft import order_symbol
from accounts.extended_hours import may_extend, session_end
from accounts.gates import GateInput, declined_by, evaluate, look_at
from accounts.limits import Limits
from accounts.state import ZERO, AccountState, OpenOrder
from events import roles
from events.author import Author
from events.decision import (
    GateResult,
    MarketSeen,
    OffsetsSeen,
    RecommendationDeclined,
    RecommendationFailed,
    Stage,
)
from events.envelope import Envelope, Origin
from events.identifiers import Leg, RecommendationId, client_order_id
from events.order import ExecutionMode, OrderIntended, OrderTerms, OrderType
from events.quick import quick
from events.recommendation import RecommendationIssued
from events.values import money

__all__ = ["DecisionContext", "decide", "failure", "failure_of_order", "order_symbol"]

_an_intent, _a_decline, _terms_of = (
    quick(OrderIntended),
    quick(RecommendationDeclined),
    quick(OrderTerms),
)
# Looked up once: a member found by way of its class costs as much as a comparison of two amounts.
_LIMIT, _ENTRY = OrderType.LIMIT, Leg.ENTRY
_MILLISECOND: Final = timedelta(milliseconds=1)
ERROR_LENGTH_MAX = 4_000
"""Characters of an error that are kept: a failure must fit a record, whatever it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionContext:
    """Who decides, when, on which record, having seen what.

    `answer_within_ms` is the submit window plus the broker's total HTTP deadline.
    """

    author: Author
    now: datetime
    source: Origin
    seen: OffsetsSeen
    execution_mode: ExecutionMode
    submit_window_ms: int = 3_000
    answer_within_ms: int


def decide(
    state: AccountState,
    recommendation: RecommendationIssued,
    market: MarketSeen | None,
    limits: Limits,
    context: DecisionContext,
) -> OrderIntended | RecommendationDeclined | None:
    """Return the account's answer to `recommendation`; None where it has answered before.

    `market` is a quote of `order_symbol(recommendation)`; None (nothing known) declines.
    A bug in a gate is raised, for the caller to make a `failure` of.
    """
    if state.is_decided(RecommendationId(recommendation.recommendation_id)):
        return None
    given = look_at(state, recommendation, market, limits, context.now)
    gates = evaluate(given)
    refused = declined_by(gates)
    exits = exits_of(recommendation, given.draft, given.sized.quantity, given.limits, context.now)
    terms = None if refused else _terms(given, context, exits)
    if terms is None or market is None:  # the second only for the type: sizing asks for prices
        return _declined(given, context, gates, refused)
    return _intended(given, context, gates, terms, market, exits.how)


def failure(
    recommendation: RecommendationIssued,
    error: BaseException,
    context: DecisionContext,
    stage: Stage = Stage.DECIDE,
) -> RecommendationFailed:
    """Return the failure of a recommendation that could not be decided."""
    return RecommendationFailed(
        envelope=_envelope(recommendation, roles.FAILED, context),
        ticker=recommendation.ticker,
        action=recommendation.action,
        instrument_type=recommendation.instrument_type,
        error=error_text(error),
        stage=stage,
    )


def failure_of_order(
    order: OpenOrder, error: BaseException | str, author: Author, now: datetime, stage: Stage
) -> RecommendationFailed:
    """Return the failure of an intent that is known never to have reached the broker."""
    return RecommendationFailed(
        envelope=author.about_recommendation(
            order.recommendation_id,
            roles.FAILED,
            leg=order.leg,
            occurred_at=now,
            causation_id=str(order.intent_event_id),
        ),
        ticker=order.terms.ticker,
        action=order.terms.action,
        instrument_type=order.terms.instrument_type,
        error=error if isinstance(error, str) else error_text(error),
        stage=stage,
        client_order_id=order.client_order_id,
    )


def error_text(error: BaseException) -> str:
    """Return ``Type: message``, as text that any record and any table can hold."""
    try:
        message = str(error)
    except Exception as broken:  # noqa: BLE001 -- an error that cannot say what it is still gets recorded
        message = f"(no message: {type(broken).__name__})"
    return plain_text(f"{type(error).__name__}: {message}")


def plain_text(text: str) -> str:
    """Return foreign `text` as any record and any table can hold it: no NUL, bounded, UTF-8."""
    bounded = text.replace("\0", "\\0")[:ERROR_LENGTH_MAX]
    return bounded.encode("utf-8", "backslashreplace").decode("utf-8")


def _terms(given: GateInput, context: DecisionContext, exits: Exits) -> OrderTerms | None:
    advice, draft, quantity = given.recommendation, given.draft, given.sized.quantity
    market = given.market
    if draft.symbol is None or draft.worst_price is None or market is None:
        return None
    reserved = ZERO if draft.closes else money(draft.worst_price * quantity * draft.multiplier)
    is_limit = given.limits.order_type is _LIMIT
    return _terms_of(
        client_order_id=client_order_id(
            context.author.account, RecommendationId(advice.recommendation_id), _ENTRY
        ),
        ticker=advice.ticker,
        symbol=draft.symbol,
        instrument_type=advice.instrument_type,
        multiplier=draft.multiplier,
        action=advice.action,
        side=draft.side,
        closes_position=draft.closes,
        quantity=quantity,
        order_type=given.limits.order_type,
        reference_price=market.reference_price,
        limit_price=draft.limit_price if is_limit else None,
        worst_price=draft.worst_price,
        reserved_notional=reserved,
        take_profit=exits.target,
        stop_loss=exits.stop,
        time_in_force=exits.time_in_force,
        extended_hours=exits.stop is None and may_extend(advice, quantity, given.limits),
    )


def _intended(
    given: GateInput,
    context: DecisionContext,
    gates: tuple[GateResult, ...],
    terms: OrderTerms,
    market: MarketSeen,
    exits: str,
) -> OrderIntended:
    advice = given.recommendation
    fresh_until = advice.issued_at + given.thresholds.recommendation_age.most
    submit_before = context.now + context.submit_window_ms * _MILLISECOND
    if "trading_hours" not in given.limits.disabled_gates:
        end = session_end(given.today, is_extended=terms.extended_hours)
        if end is not None:
            fresh_until, submit_before = min(fresh_until, end), min(submit_before, end)
    return _an_intent(
        envelope=_envelope(advice, roles.DECISION, context),
        terms=terms,
        execution_mode=context.execution_mode,
        strategy_type=advice.strategy_type,
        confidence=advice.confidence,
        stop=advice.stop,
        target=advice.target,
        max_hold_minutes=advice.max_hold_minutes,
        option=advice.option,
        recommendation_run_id=advice.run_id,
        issued_at=advice.issued_at,
        fresh_until=fresh_until,
        submit_before=submit_before,
        answer_within_ms=context.answer_within_ms,
        market=market,
        gates=gates,
        seen=context.seen,
        sizing=given.sized.how,
        reason=advice.reason,
        features_snapshot=advice.features_snapshot,
        exits=exits,
    )


def _declined(
    given: GateInput,
    context: DecisionContext,
    gates: tuple[GateResult, ...],
    refused: tuple[str, ...],
) -> RecommendationDeclined:
    advice = given.recommendation
    return _a_decline(
        envelope=_envelope(advice, roles.DECISION, context),
        ticker=advice.ticker,
        action=advice.action,
        instrument_type=advice.instrument_type,
        strategy_type=advice.strategy_type,
        declined_by=refused,
        gates=gates,
        market=given.market,
        option=advice.option,
        seen=context.seen,
    )


def _envelope(
    recommendation: RecommendationIssued, role: str, context: DecisionContext
) -> Envelope:
    return context.author.about_recommendation(
        RecommendationId(recommendation.recommendation_id),
        role,
        occurred_at=context.now,
        causation_id=f"recommendation:{recommendation.recommendation_id}",
        source=context.source,
    )
