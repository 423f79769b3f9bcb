"""Gates that stop everything: the account's status, the exchange's hours, a position twice."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from accounts.calendar import NEW_YORK, Session, session
from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.state import TradingStatus
from events.decision import GateResult


def account_active(given: GateInput) -> GateResult:
    """Decline what the account's status forbids; reduced lets closing orders through."""
    gate, trading = "account_active", given.state.trading
    if given.state.opened is None:
        return declined(gate, "the account has not been opened", "not opened", "opened")
    if trading.status is TradingStatus.ACTIVE:
        return passed(gate, "the account trades", "ACTIVE", "ACTIVE")
    said = f"{trading.status.lower()} by {trading.by}: {trading.reason}"
    if trading.status is TradingStatus.REDUCED and given.draft.closes:
        return passed(gate, f"{said}; this order closes", "REDUCED", "ACTIVE, or closing")
    return declined(gate, said, trading.status.value, "ACTIVE, or REDUCED and closing")


def trading_hours(given: GateInput) -> GateResult:
    """Decline outside the exchange's session; entries also at its start and past the cut-off."""
    gate, now, strategy = "trading_hours", given.now, given.recommendation.strategy_type
    today = session(given.local_now.date())
    observed = f"{given.local_now:%Y-%m-%d %H:%M:%S} New York"
    if today is None:
        return declined(gate, "the exchange is closed all day", observed, "a trading day")
    cutoff = given.limits.entry_cutoff.get(strategy)
    opens, closes, hours = _hours(
        today, given.limits.opening_minutes_blocked, cutoff, entry=not given.draft.closes
    )
    if opens <= now < closes:
        return passed(gate, "the exchange is open for this order", observed, hours)
    if today.open_at <= now < today.close_at:
        reason = f"entries wait at the open and end before the close ({strategy})"
        return declined(gate, reason, observed, hours)
    return declined(gate, "the exchange is closed at this hour", observed, hours)


def duplicate_position(given: GateInput) -> GateResult:
    """Decline an entry into what is held already, or is on its way in."""
    gate, symbol = "duplicate_position", given.draft.symbol
    if symbol is None:
        return declined(gate, "the option contract is not named", "no symbol", "a symbol")
    if given.draft.closes:
        return not_applicable(gate, "a closing order needs the position")
    if given.draft.held:
        return declined(gate, "the account holds it already", f"{symbol} held", "none")
    for order in given.state.orders.values():
        if order.terms.symbol == symbol and not order.terms.closes_position:
            name = order.terms.client_order_id
            return declined(gate, f"order {name} is on its way in", f"{symbol} ordered", "none")
    return passed(gate, "neither held nor ordered", "none", "none")


@lru_cache(maxsize=1_024)  # the same few answers all day long
def _hours(
    today: Session, blocked_minutes: int, cutoff: time | None, *, entry: bool
) -> tuple[datetime, datetime, str]:
    opens, closes = today.open_at, today.close_at
    if entry:
        opens += timedelta(minutes=blocked_minutes)
        if cutoff is not None:
            closes = min(closes, datetime.combine(today.day, cutoff, NEW_YORK).astimezone(UTC))
    first, end = opens.astimezone(NEW_YORK), closes.astimezone(NEW_YORK)
    return opens, closes, f"{first:%H:%M} to before {end:%H:%M} New York"
