"""Gates that stop everything: the account's status, its day's loss, the market's, the hour."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from accounts.calendar import NEW_YORK, extended, session
from accounts.daily_loss import day_loss
from accounts.extended_hours import may_extend
from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.state import ZERO, TradingStatus
from accounts.words import dollars, plain
from events.decision import GateResult

_TRADES: Final = TradingStatus.ACTIVE
_ACTIVE: Final = passed("account_active", "the account trades", "ACTIVE", "ACTIVE")
_LOSES: Final = not_applicable("daily_loss_limit", "an exit ends a loss: it is never held back")
_CALM: Final = not_applicable("vix_regime", "a wild market is a reason to leave it")
_NEEDED: Final = not_applicable("duplicate_position", "a closing order needs the position")
_FREE: Final = passed("duplicate_position", "neither held nor ordered", "none", "none")


def account_active(given: GateInput) -> GateResult:
    """Decline what the account's status forbids; reduced lets closing orders through."""
    gate, trading = "account_active", given.state.trading
    if given.state.opened is None:
        return declined(gate, "the account has not been opened", "not opened", "opened")
    if trading.status is _TRADES:
        return _ACTIVE
    said = f"{trading.status.lower()} by {trading.by}: {trading.reason}"
    if trading.status is TradingStatus.REDUCED and given.draft.closes:
        return passed(gate, f"{said}; this order closes", "REDUCED", "ACTIVE, or closing")
    return declined(gate, said, trading.status.value, "ACTIVE, or REDUCED and closing")


def daily_loss_limit(given: GateInput) -> GateResult:
    """Decline entries once the day's loss reaches the limit, by our books or the broker's."""
    gate, state, limits = "daily_loss_limit", given.state, given.limits
    if given.draft.closes:
        return _LOSES
    loss = day_loss(state, limits, given.today, _news_of_what_is_held(given))
    threshold = given.thresholds.daily_loss
    if loss.allowed < limits.max_daily_loss:
        threshold = f"a loss below {dollars(loss.allowed)}"
    if loss.is_reached:
        return declined(gate, "the day has cost too much", loss.words, threshold)
    return passed(gate, "the day has not cost too much", loss.words, threshold)


def vix_regime(given: GateInput) -> GateResult:
    """Decline entries while the volatility index is high, or not known."""
    gate, strategy = "vix_regime", given.recommendation.strategy_type
    if given.draft.closes:
        return _CALM
    vix, most = given.recommendation.vix, given.limits.vix_max.get(strategy)
    if most is None:
        return declined(gate, f"no threshold is set for {strategy}", "", "none set")
    threshold = given.thresholds.vix[strategy]
    if vix is None:
        return declined(gate, "the advice does not say what the VIX is", "unknown", threshold)
    if vix <= most:
        return passed(gate, "the market is calm enough", plain(vix), threshold)
    return declined(gate, "the market is too wild", plain(vix), threshold)


def trading_hours(given: GateInput) -> GateResult:
    """Decline outside the exchange's session; entries also at its start and past their cut-off.

    An option is not entered in the last half hour of the day on which it expires. Where the
    account lets a strategy trade in extended hours, those are the session of its whole shares.
    """
    gate, now, limits = "trading_hours", given.now, given.limits
    strategy, option = given.recommendation.strategy_type, given.recommendation.option
    expires = not given.is_stock and option is not None and option.expiry == given.today
    found = _hours(
        given.today,
        limits.opening_minutes_blocked,
        limits.entry_cutoff.get(strategy),
        limits.expiry_day_minutes_blocked if expires else 0,
        not given.draft.closes,
        may_extend(given.recommendation, given.sized.quantity, limits),
    )
    hour = given.local_now.time().isoformat("seconds")  # a naive time: no offset is reckoned for it
    observed = f"{given.today.isoformat()} {hour} New York"
    if found is None:
        return declined(gate, "the exchange is closed all day", observed, "a trading day")
    opens, closes, hours, open_at, close_at = found
    if opens <= now < closes:
        return passed(gate, "the exchange is open for this order", observed, hours)
    if open_at <= now < close_at:
        reason = f"entries wait at the open and end before the close ({strategy})"
        return declined(gate, reason, observed, hours)
    return declined(gate, "the exchange is closed at this hour", observed, hours)


def duplicate_position(given: GateInput) -> GateResult:
    """Decline an entry into what is held already, or is on its way in."""
    gate, symbol = "duplicate_position", given.draft.symbol
    if symbol is None:
        return declined(gate, "the option contract is not named", "no symbol", "a symbol")
    if given.draft.closes:
        return _NEEDED
    if given.draft.held:
        return declined(gate, "the account holds it already", f"{symbol} held", "none")
    order = given.state.inbound_order(symbol)
    if order is not None:
        return declined(gate, f"order {order} is on its way in", f"{symbol} ordered", "none")
    return _FREE


def _news_of_what_is_held(given: GateInput) -> Decimal:
    """Return what the holding of this symbol is worth more than at the price seen last."""
    draft, market = given.draft, given.market
    if not draft.held or draft.symbol is None or market is None:
        return ZERO
    before = given.state.last_prices.get(draft.symbol)
    if before is None:
        before = given.state.positions[draft.symbol].average_price
    return (market.reference_price - before) * draft.held * draft.multiplier


@lru_cache(maxsize=1_024)  # the same few answers all day long
def _hours(
    day: date,
    minutes_blocked: int,
    cutoff: time | None,
    last_minutes_blocked: int,
    entry: bool,  # noqa: FBT001 -- by place, as a keyword makes the look-up twice as long
    around: bool,  # noqa: FBT001 -- as above
) -> tuple[datetime, datetime, str, datetime, datetime] | None:
    today = session(day)
    if today is None:
        return None
    begins, ends = extended(today) if around else (today.open_at, today.close_at)
    opens, closes = begins, ends
    if entry:
        opens += timedelta(minutes=minutes_blocked)
        closes -= timedelta(minutes=last_minutes_blocked)
        if cutoff is not None:
            closes = min(closes, datetime.combine(day, cutoff, NEW_YORK).astimezone(UTC))
    first, end = opens.astimezone(NEW_YORK), closes.astimezone(NEW_YORK)
    hours = f"{first:%H:%M} to before {end:%H:%M} New York"
    return opens, closes, hours, begins, ends
