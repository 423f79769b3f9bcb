"""What every gate is given, and the three answers it can return."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from accounts.draft import Draft
from accounts.limits import Limits
from accounts.sizing import Sized
from accounts.state import AccountState
from events.decision import GateResult, MarketSeen, Verdict
from events.recommendation import RecommendationIssued


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInput:
    """One recommendation and all that is known about it. `local_now` is `now` in New York."""

    state: AccountState
    recommendation: RecommendationIssued
    market: MarketSeen | None
    limits: Limits
    now: datetime
    local_now: datetime
    draft: Draft
    sized: Sized

    @property
    def unit_notional(self) -> Decimal | None:
        """US dollars that one share or contract costs at worst; None where no price is known."""
        draft = self.draft
        if draft.symbol is None or draft.worst_price is None:
            return None
        return draft.worst_price * draft.multiplier


def passed(gate: str, reason: str, observed: str, threshold: str) -> GateResult:
    """Return the answer of a gate that has nothing against the order."""
    return GateResult(
        gate=gate, verdict=Verdict.PASSED, reason=reason, observed=observed, threshold=threshold
    )


def declined(gate: str, reason: str, observed: str, threshold: str) -> GateResult:
    """Return the answer of a gate that refuses the order."""
    return GateResult(
        gate=gate, verdict=Verdict.DECLINED, reason=reason, observed=observed, threshold=threshold
    )


@lru_cache(maxsize=256)  # a handful of gates times a handful of sentences
def not_applicable(gate: str, reason: str) -> GateResult:
    """Return the answer of a gate that has no question about this order."""
    return GateResult(
        gate=gate,
        verdict=Verdict.NOT_APPLICABLE,
        reason=reason,
        observed="",
        threshold="",
    )
