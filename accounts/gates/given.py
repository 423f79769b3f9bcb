"""What every gate is given, and the three answers it can return."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias

from accounts.calendar import NEW_YORK
from accounts.draft import Draft, draft_order
from accounts.limits import Limits
from accounts.sizing import Sized, size
from accounts.special_limits import limits_for
from accounts.state import AccountState
from accounts.thresholds import Thresholds, thresholds
from events.decision import GateResult, MarketSeen, Verdict
from events.quick import by_place, quick
from events.recommendation import InstrumentType, RecommendationIssued

# A member that is looked up in its class costs as much as a comparison of two amounts.
_PASSED, _DECLINED, _STOCK = Verdict.PASSED, Verdict.DECLINED, InstrumentType.STOCK
_Said: TypeAlias = Callable[[str, str, str, str], GateResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInput:
    """One recommendation and all that is known about it, what several gates ask reckoned once.

    `local_now` is `now` in New York, `today` its date. `unit_notional` is what one share or
    contract costs at worst in US dollars; None where no price is known. `enters_option` says that
    the order would open a position in a contract.
    """

    state: AccountState
    recommendation: RecommendationIssued
    market: MarketSeen | None
    limits: Limits
    thresholds: Thresholds
    now: datetime
    local_now: datetime
    today: date
    draft: Draft
    sized: Sized
    unit_notional: Decimal | None
    is_stock: bool
    enters_option: bool

    @property
    def order_notional(self) -> Decimal | None:
        """US dollars that the order costs at worst: one share's where sizing found no room."""
        unit = self.unit_notional
        return None if unit is None else unit * (self.sized.quantity or 1)


_made = quick(GateInput)


def look_at(
    state: AccountState,
    recommendation: RecommendationIssued,
    market: MarketSeen | None,
    limits: Limits,
    now: datetime,
) -> GateInput:
    """Draft and size the order that `recommendation` would become, for the gates to judge.

    What differs for its instrument and strategy is settled here: all that follows asks
    `GateInput.limits`.
    """
    limits = limits_for(limits, recommendation.instrument_type, recommendation.strategy_type)
    draft = draft_order(state, recommendation, market, limits)
    sized = size(state, recommendation, draft, limits)
    local_now = now.astimezone(NEW_YORK)
    is_stock = recommendation.instrument_type is _STOCK
    worst = None if draft.symbol is None else draft.worst_price
    unit = None if worst is None else worst * draft.multiplier
    return _made(
        state=state,
        recommendation=recommendation,
        market=market,
        limits=limits,
        thresholds=thresholds(limits),
        now=now,
        local_now=local_now,
        today=local_now.date(),
        draft=draft,
        sized=sized,
        unit_notional=unit,
        is_stock=is_stock,
        enters_option=not is_stock and not draft.closes,
    )


passed: Final[_Said] = by_place(GateResult, verdict=_PASSED)
"""Return the answer of a gate that has nothing against the order.

Its four texts are the gate's name, the reason, what was observed, and the threshold.
"""

declined: Final[_Said] = by_place(GateResult, verdict=_DECLINED)
"""Return the answer of a gate that refuses the order, of the same four texts."""


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
