"""One log line for each event that an operator wants to hear of, with what it belongs to.

Decisions are told when they are taken, which is before their transaction has committed: a batch
that is taken again is told again. What came of orders is told once it is durable.
"""

from structlog.typing import FilteringBoundLogger

from consumers.logs import get_log
from events.account import (
    AccountHalted,
    AccountReduced,
    AccountResumed,
    CommandRefused,
    IncidentRecorded,
)
from events.catalog import LogEvent
from events.decision import RecommendationDeclined, RecommendationFailed
from events.order import (
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
)


def tell(event: LogEvent, *, simulated: bool = True) -> None:
    """Write the line of `event`, if it is worth one."""
    about = event.envelope
    log = get_log(
        account_name=about.account_name,
        recommendation_id=about.recommendation_id,
        correlation_id=about.correlation_id,
    )
    if isinstance(event, OrderIntended | RecommendationDeclined):
        _tell_decision(log, event)
        return
    if isinstance(event, AccountHalted | AccountReduced | AccountResumed | CommandRefused):
        _tell_standing(log, event)
        return
    match event:
        case OrderFilled():
            log.info(
                "execution_simulated" if simulated else "execution_executed",
                ticker=event.ticker,
                side=event.side,
                quantity=event.quantity,
                price=event.price,
            )
        case RecommendationFailed():
            log.error("processing_error", ticker=event.ticker, error=event.error)
        case OrderRejected():
            log.warning(
                "order_rejected",
                rejection_class=event.rejection_class,
                code=event.code,
                error=event.message,
            )
        case OrderResent():
            log.warning("order_resent", attempt=event.attempt, reason=event.reason)
        case OrderOutcomeUnknown():
            log.warning("order_outcome_unknown", attempt=event.attempt, error=event.how)
        case OrderCanceled() | OrderExpired():
            log.info("order_ended", how=type(event).__name__)
        case IncidentRecorded():
            log.error("incident_recorded", kind=event.kind, error=event.message)
        case _:
            pass


def _tell_standing(
    log: FilteringBoundLogger,
    event: AccountHalted | AccountReduced | AccountResumed | CommandRefused,
) -> None:
    match event:
        case AccountHalted():
            log.error(
                "account_halted",
                by=event.by,
                reason=event.reason,
                in_flight=event.in_flight,
                cancel_open=event.cancel_open,
            )
        case AccountReduced():
            log.error(
                "account_reduced", by=event.by, reason=event.reason, in_flight=event.in_flight
            )
        case AccountResumed():
            log.warning("account_resumed", by=event.by, reason=event.reason)
        case CommandRefused():
            log.warning("command_refused", command=event.command_id, reason=event.reason)


def _tell_decision(
    log: FilteringBoundLogger, event: OrderIntended | RecommendationDeclined
) -> None:
    ticker = event.terms.ticker if isinstance(event, OrderIntended) else event.ticker
    log.info(
        "gates_evaluated",
        ticker=ticker,
        decided="intended" if isinstance(event, OrderIntended) else "declined",
        gates={gate.gate: gate.verdict for gate in event.gates},
    )
    if isinstance(event, RecommendationDeclined):
        log.info("recommendation_skipped", ticker=ticker, declined_by=event.declined_by)
