"""The decision: a recommendation and everything known about it become one event."""

from dataclasses import dataclass
from datetime import datetime

from accounts.limits import Limits
from accounts.state import AccountState, OpenOrder
from events.author import Author
from events.decision import (
    MarketSeen,
    OffsetsSeen,
    RecommendationDeclined,
    RecommendationFailed,
    Stage,
)
from events.envelope import Origin
from events.order import ExecutionMode, OrderIntended
from events.recommendation import RecommendationIssued


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
    raise NotImplementedError


def failure(
    recommendation: RecommendationIssued,
    error: BaseException,
    context: DecisionContext,
    stage: Stage = Stage.DECIDE,
) -> RecommendationFailed:
    """Return the failure of a recommendation that could not be decided."""
    raise NotImplementedError


def failure_of_order(
    order: OpenOrder, error: BaseException | str, author: Author, now: datetime, stage: Stage
) -> RecommendationFailed:
    """Return the failure of an intent that is known never to have reached the broker."""
    raise NotImplementedError


def order_symbol(recommendation: RecommendationIssued) -> str | None:
    """Return the symbol an order would name; None for an option without its contract."""
    raise NotImplementedError
