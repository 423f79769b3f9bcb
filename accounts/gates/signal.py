"""Gates over the advice itself: how old, how sure, and whether such a thing is done here."""

from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.words import plain
from events.decision import GateResult
from events.order import Side
from events.recommendation import InstrumentType


def recommendation_freshness(given: GateInput) -> GateResult:
    """Decline advice that is too old, and advice from the future."""
    gate, limit = "recommendation_freshness", given.limits.recommendation_freshness_seconds
    age_seconds = (given.now - given.recommendation.issued_at).total_seconds()
    observed, threshold = f"{age_seconds:.3f} seconds old", f"0 to {limit} seconds"
    if age_seconds < 0:
        return declined(gate, "it was issued in the future", observed, threshold)
    if age_seconds <= limit:
        return passed(gate, "the recommendation is fresh", observed, threshold)
    return declined(gate, "the recommendation is too old", observed, threshold)


def confidence(given: GateInput) -> GateResult:
    """Decline an entry the Signal Engine is not sure enough of, by instrument and strategy."""
    gate, advice = "confidence", given.recommendation
    if given.draft.closes:
        return not_applicable(gate, "low conviction is no reason to keep a position")
    least = given.limits.confidence_min.get((advice.instrument_type, advice.strategy_type))
    observed = plain(advice.confidence)
    kind = f"{advice.instrument_type} {advice.strategy_type}"
    if least is None:
        return declined(gate, f"no threshold is set for {kind}", observed, "none set")
    threshold = f"at least {plain(least)}"
    if advice.confidence >= least:
        return passed(gate, f"sure enough for {kind}", observed, threshold)
    return declined(gate, f"not sure enough for {kind}", observed, threshold)


def action_allowed(given: GateInput) -> GateResult:
    """Decline an action that the account does not trade, such as BUY_CALL."""
    gate, advice = "action_allowed", given.recommendation
    action = f"{advice.action}_{advice.instrument_type}"
    allowed = given.limits.action_allowed
    threshold = ", ".join(sorted(allowed))
    if action in allowed:
        return passed(gate, "the account trades this", action, threshold)
    return declined(gate, "the account does not trade this", action, threshold)


def no_short_selling(given: GateInput) -> GateResult:
    """Decline a SELL of what is not held; contracts are never sold short at all."""
    gate, draft = "no_short_selling", given.draft
    if draft.side is Side.BUY:
        return not_applicable(gate, "a BUY sells nothing")
    observed, threshold = f"{plain(draft.held)} held", "more than 0 held"
    if draft.closes:
        return passed(gate, "what is sold is held", observed, threshold)
    is_stock = given.recommendation.instrument_type is InstrumentType.STOCK
    if given.limits.allow_shorting and is_stock and draft.side is Side.SELL:
        return passed(gate, "the account may sell stock short", observed, "shorting allowed")
    return declined(gate, "the account does not hold what would be sold", observed, threshold)
