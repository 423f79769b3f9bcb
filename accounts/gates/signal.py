"""Gates over the advice itself: how sure it is, and whether such a thing is done here."""

from typing import Final

from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.words import plain
from events.decision import GateResult
from events.order import Side

_BUY: Final = Side.BUY
_SURE: Final = not_applicable("confidence", "low conviction is no reason to keep a position")
_ALLOWED: Final = not_applicable("action_allowed", "what is held may always be closed")
_BUYS: Final = not_applicable("no_short_selling", "a BUY sells nothing")


def confidence(given: GateInput) -> GateResult:
    """Decline an entry the Signal Engine is not sure enough of, by instrument and strategy."""
    gate, advice = "confidence", given.recommendation
    if given.draft.closes:
        return _SURE
    kind = (advice.instrument_type, advice.strategy_type)
    asked, observed = given.thresholds.confidence.get(kind), plain(advice.confidence)
    if asked is None:
        reason = f"no threshold is set for {kind[0]} {kind[1]}"
        return declined(gate, reason, observed, "none set")
    if advice.confidence >= asked.least:
        return passed(gate, asked.sure, observed, asked.words)
    return declined(gate, asked.unsure, observed, asked.words)


def action_allowed(given: GateInput) -> GateResult:
    """Decline an entry by an action that the account does not trade, such as BUY_CALL."""
    gate, advice = "action_allowed", given.recommendation
    if given.draft.closes:
        return _ALLOWED
    action = advice.action + "_" + advice.instrument_type
    if action in given.limits.action_allowed:
        return passed(gate, "the account trades this", action, given.thresholds.actions)
    return declined(gate, "the account does not trade this", action, given.thresholds.actions)


def no_short_selling(given: GateInput) -> GateResult:
    """Decline a SELL of what is not held; contracts are never sold short at all."""
    gate, draft = "no_short_selling", given.draft
    if draft.side is _BUY:
        return _BUYS
    observed, threshold = f"{plain(draft.held)} held", "more than 0 held"
    if draft.closes:
        return passed(gate, "what is sold is held", observed, threshold)
    if given.limits.allow_shorting and given.is_stock and draft.side is Side.SELL:
        return passed(gate, "the account may sell stock short", observed, "shorting allowed")
    return declined(gate, "the account does not hold what would be sold", observed, threshold)
