"""What an account decided about a recommendation, and the numbers it decided on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from events.envelope import Envelope
from events.recommendation import Action, InstrumentType, OptionQuote, StrategyType
from events.values import Money


class Verdict(StrEnum):
    """What a gate says."""

    UNKNOWN = "UNKNOWN"
    PASSED = "PASSED"
    DECLINED = "DECLINED"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate's answer. `observed` and `threshold` are text, as a reader would write them."""

    gate: str
    verdict: Verdict
    reason: str
    observed: str
    threshold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSeen:
    """The market as the decision saw it, in US dollars per share, and where it was seen."""

    source: str
    observed_at: datetime
    reference_price: Money
    bid: Money | None = None
    ask: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetsSeen:
    """The next offset of each input when the decision was taken: enough to take it again."""

    log: int
    recommendations: int
    commands: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationDeclined:
    """We chose not to trade. `declined_by` names every gate that said so, in their order.

    `option` is the contract as the decision saw it.
    """

    envelope: Envelope
    ticker: str
    action: Action
    instrument_type: InstrumentType
    strategy_type: StrategyType
    declined_by: tuple[str, ...]
    gates: tuple[GateResult, ...]
    market: MarketSeen | None = None
    option: OptionQuote | None = None
    seen: OffsetsSeen


class Stage(StrEnum):
    """Where a recommendation failed. HALTED: nowhere, its order was kept back by a halt."""

    UNKNOWN = "UNKNOWN"
    DECIDE = "DECIDE"
    SUBMIT = "SUBMIT"
    SETTLE = "SETTLE"
    HALTED = "HALTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationFailed:
    """No answer could be had, or a bug stood in the way. `error` reads ``Type: message``."""

    envelope: Envelope
    ticker: str
    action: Action
    instrument_type: InstrumentType
    error: str
    stage: Stage
    client_order_id: str | None = None
