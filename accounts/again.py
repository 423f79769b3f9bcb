"""A recorded decision, taken again from what it says it had seen. Pure."""

from dataclasses import replace
from datetime import timedelta

from accounts.decide import DecisionContext, decide
from accounts.limits import Limits
from accounts.state import AccountState
from events.author import Author
from events.decision import RecommendationDeclined
from events.identifiers import AccountName
from events.order import ExecutionMode, OrderIntended
from events.recommendation import RecommendationIssued


def decided_again(
    decision: OrderIntended | RecommendationDeclined,
    state: AccountState,
    recommendation: RecommendationIssued,
    limits: Limits,
) -> OrderIntended | RecommendationDeclined | None:
    """Return what the account decides now, from the same inputs; equal, or the build differs.

    Args:
        decision: As it stands in the log.
        state: The account folded to the offset that `decision.seen` names.
        recommendation: The advice it answered.
        limits: Those that its run decided under.

    Raises:
        ValueError: The decision does not say which record it answered.
    """
    envelope = decision.envelope
    if envelope.source is None:
        raise ValueError(f"decision {envelope.event_id} names no source")
    intended = decision if isinstance(decision, OrderIntended) else None
    window = intended.submit_before - envelope.occurred_at if intended else timedelta(0)
    context = DecisionContext(
        author=Author(
            account=AccountName(envelope.account_name),
            run_id=envelope.dispatcher_run_id,
            config_hash=envelope.config_hash,
            build=envelope.build,
        ),
        now=envelope.occurred_at,
        source=envelope.source,
        seen=decision.seen,
        execution_mode=_mode(intended, state),
        # Rounded up: one that ends with the session, which ends it again, need not be whole.
        submit_window_ms=-(-window // timedelta(milliseconds=1)),
        answer_within_ms=intended.answer_within_ms if intended else 0,
    )
    advice = replace(recommendation, option=decision.option)  # the contract as it stood then
    return decide(state, advice, decision.market, limits, context)


def _mode(intended: OrderIntended | None, state: AccountState) -> ExecutionMode:
    if intended is not None:
        return intended.execution_mode
    return ExecutionMode.UNKNOWN if state.opened is None else state.opened.mode
