"""Every event type, by its family's topic: the one list that schemas, codec and folds go by."""

from typing import Final, TypeAlias, get_args

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
from events.command import CommandIssued
from events.decision import RecommendationDeclined, RecommendationFailed
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
from events.projection import ProjectionFailed, ProjectionSettled
from events.recommendation import RecommendationIssued
from events.snapshot import AccountSnapshot

NAMESPACE: Final = "dispatcher.events"

LogEvent: TypeAlias = (
    AccountOpened
    | DispatcherStarted
    | DispatcherStopped
    | RecommendationDeclined
    | OrderIntended
    | OrderResent
    | OrderAccepted
    | OrderRejected
    | OrderOutcomeUnknown
    | OrderFilled
    | OrderCanceled
    | OrderExpired
    | RecommendationFailed
    | AccountHalted
    | AccountReduced
    | AccountResumed
    | CommandRefused
    | PositionAdjusted
    | AccountReconciled
    | IncidentRecorded
    | LegacyExecutionImported
)
"""Anything that may stand in an account's log."""

ProjectionEvent: TypeAlias = ProjectionFailed | ProjectionSettled
"""Anything that may stand in `projection.failures`."""

AnyEvent: TypeAlias = (
    LogEvent | ProjectionEvent | RecommendationIssued | CommandIssued | AccountSnapshot
)

LOG_EVENTS: Final[tuple[type[LogEvent], ...]] = get_args(LogEvent)
EVENTS: Final[tuple[type[AnyEvent], ...]] = get_args(AnyEvent)
