"""Gates over one ticker: whether at all, how often, how soon again, nothing while in doubt."""

from typing import Final

from accounts.gates.given import GateInput, declined, not_applicable, passed
from events.decision import GateResult

_EXIT: Final = "an exit is never held back by this"
_RESTRICTED: Final = not_applicable("restricted_tickers", "what is restricted may still be left")
_DAILY: Final = not_applicable("ticker_daily_limit", _EXIT)
_COOLDOWN: Final = not_applicable("ticker_cooldown", _EXIT)
_RESOLVED: Final = passed(
    "unresolved_intent", "every order on the ticker has an outcome", "none", "none unresolved"
)


def restricted_tickers(given: GateInput) -> GateResult:
    """Decline entries into a restricted ticker, and into all others where some are allowed."""
    gate, ticker, limits = "restricted_tickers", given.recommendation.ticker, given.limits
    if given.draft.closes:
        return _RESTRICTED
    threshold = given.thresholds.tickers
    if ticker in limits.restricted_tickers:
        return declined(gate, "the ticker is restricted", ticker, threshold)
    if limits.allowed_tickers and ticker not in limits.allowed_tickers:
        return declined(gate, "the ticker is not among those allowed", ticker, threshold)
    return passed(gate, "the ticker may be entered", ticker, threshold)


def ticker_daily_limit(given: GateInput) -> GateResult:
    """Decline more entries into a ticker on one New York day than the limit."""
    gate = "ticker_daily_limit"
    if given.draft.closes:
        return _DAILY
    known = given.state.ticker_days.get(given.recommendation.ticker)
    before = known.entries if known is not None and known.day >= given.today else 0
    observed, threshold = f"{before} entered today", given.thresholds.ticker_daily
    if before < given.limits.ticker_daily_limit:
        return passed(gate, "the ticker may be entered again today", observed, threshold)
    return declined(gate, "the ticker was entered often enough today", observed, threshold)


def ticker_cooldown(given: GateInput) -> GateResult:
    """Decline an entry too soon after the ticker's last order, in whichever direction."""
    gate = "ticker_cooldown"
    if given.draft.closes:
        return _COOLDOWN
    threshold = given.thresholds.cooldown_words
    known = given.state.ticker_days.get(given.recommendation.ticker)
    if known is None:
        return passed(gate, "the ticker was never ordered", "never", threshold)
    since = given.now - known.last_at
    observed = f"{since.total_seconds() / 60:.1f} minutes"
    if since >= given.thresholds.cooldown:
        return passed(gate, "the ticker's last order is long enough ago", observed, threshold)
    return declined(gate, "the ticker's last order is too recent", observed, threshold)


def unresolved_intent(given: GateInput) -> GateResult:
    """Decline everything on a ticker while nobody knows if the broker has an order on it.

    An exit as well: the order in doubt may be the same exit, and would then sell twice.
    """
    name = given.state.unresolved_on(given.recommendation.ticker)
    if name is None:
        return _RESOLVED
    return declined(
        "unresolved_intent",
        f"order {name} has no known outcome yet",
        given.state.orders[name].status.value,
        "none unresolved",
    )
