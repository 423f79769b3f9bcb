"""How a test asks one gate: everything is the plainest that passes, but for what it names."""

from datetime import datetime

from accounts.calendar import NEW_YORK
from accounts.draft import draft_order
from accounts.gates import GATES, GateInput
from accounts.limits import LARGE, Limits
from accounts.sizing import size
from accounts.state import AccountState
from events.catalog import LogEvent
from events.decision import GateResult, MarketSeen, Verdict
from events.recommendation import Action, RecommendationIssued
from tests.builders import (
    NOW,
    a_fill,
    a_market,
    a_recommendation,
    an_account,
    an_intent,
)

PASSED, DECLINED, NOT_APPLICABLE = Verdict.PASSED, Verdict.DECLINED, Verdict.NOT_APPLICABLE

BOUGHT = an_intent(900)
HOLDING: tuple[LogEvent, ...] = (BOUGHT, a_fill(BOUGHT))
"""Ten MSFT, bought at $100 just now."""
SELL = a_recommendation(action=Action.SELL, stop=None)


def given(
    recommendation: RecommendationIssued | None = None,
    *,
    state: AccountState | None = None,
    market: MarketSeen | None = None,
    limits: Limits = LARGE,
    now: datetime = NOW,
    no_market: bool = False,
) -> GateInput:
    advice = a_recommendation() if recommendation is None else recommendation
    account = an_account() if state is None else state
    seen = None if no_market else market or a_market()
    draft = draft_order(account, advice, seen, limits)
    return GateInput(
        state=account,
        recommendation=advice,
        market=seen,
        limits=limits,
        now=now,
        local_now=now.astimezone(NEW_YORK),
        draft=draft,
        sized=size(account, advice, draft, limits),
    )


def ask(name: str, asked: GateInput) -> GateResult:
    """Ask the gate of that name."""
    [gate] = [gate for gate in GATES if getattr(gate, "__name__", "") == name]
    return gate(asked)


def verdict(name: str, asked: GateInput) -> Verdict:
    """Return what the gate of that name says."""
    return ask(name, asked).verdict
