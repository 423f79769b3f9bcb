"""Gates over one ticker: how often, how soon again, and nothing while an outcome is unknown."""

from datetime import timedelta

from accounts.gates.given import GateInput, declined, not_applicable, passed
from events.decision import GateResult

_EXIT = "an exit is never held back by this"


def ticker_daily_limit(given: GateInput) -> GateResult:
    """Decline more entries into a ticker on one New York day than the limit."""
    gate, limit = "ticker_daily_limit", given.limits.ticker_daily_limit
    if given.draft.closes:
        return not_applicable(gate, _EXIT)
    known = given.state.ticker_days.get(given.recommendation.ticker)
    today = given.local_now.date()
    before = known.entries if known is not None and known.day >= today else 0
    observed, threshold = f"{before} entered today", f"below {limit}"
    if before < limit:
        return passed(gate, "the ticker may be entered again today", observed, threshold)
    return declined(gate, "the ticker was entered often enough today", observed, threshold)


def ticker_cooldown(given: GateInput) -> GateResult:
    """Decline an entry too soon after the ticker's last order, in whichever direction."""
    gate, minutes = "ticker_cooldown", given.limits.ticker_cooldown_minutes
    if given.draft.closes:
        return not_applicable(gate, _EXIT)
    threshold = f"at least {minutes} minutes"
    known = given.state.ticker_days.get(given.recommendation.ticker)
    if known is None:
        return passed(gate, "the ticker was never ordered", "never", threshold)
    since = given.now - known.last_at
    observed = f"{since.total_seconds() / 60:.1f} minutes"
    if since >= timedelta(minutes=minutes):
        return passed(gate, "the ticker's last order is long enough ago", observed, threshold)
    return declined(gate, "the ticker's last order is too recent", observed, threshold)


def unresolved_intent(given: GateInput) -> GateResult:
    """Decline everything on a ticker while nobody knows if the broker has an order on it."""
    gate, ticker = "unresolved_intent", given.recommendation.ticker
    for order in given.state.orders.values():
        if order.terms.ticker == ticker and order.unresolved:
            reason = f"order {order.terms.client_order_id} has no known outcome yet"
            return declined(gate, reason, order.status.value, "none unresolved")
    return passed(gate, "every order on the ticker has an outcome", "none", "none unresolved")
