"""Gates over the order: that there is one, not too big, at a sane price, and not too many."""

from typing import Final

from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.limits import BASIS_POINTS
from accounts.words import dollars, plain
from events.decision import GateResult

_WHOLE: Final = not_applicable(
    "max_order_notional", "a position that has grown must still be closed whole"
)
_BOUNDED: Final = not_applicable(
    "order_rate", "what is held bounds the exits, and the entries are counted"
)


def order_size(given: GateInput) -> GateResult:
    """Decline when sizing gave nothing to order; its sentence is the reason."""
    gate, sized = "order_size", given.sized
    observed = plain(sized.quantity)
    if sized.quantity > 0:
        return passed(gate, sized.how, observed, "more than 0")
    return declined(gate, sized.how, observed, "more than 0")


def max_order_notional(given: GateInput) -> GateResult:
    """Decline an entry that costs more than the limit at its worst price."""
    gate, notional = "max_order_notional", given.order_notional
    if given.draft.closes:
        return _WHOLE
    threshold = given.thresholds.order_notional
    if notional is None:
        return declined(gate, "there is no price to value the order by", "unknown", threshold)
    if notional <= given.limits.max_order_notional:
        return passed(gate, "the order is small enough", dollars(notional), threshold)
    return declined(gate, "the order is too big", dollars(notional), threshold)


def price_collar(given: GateInput) -> GateResult:
    """Decline when the market has left the collar around the price of the advice.

    An exit has a wider collar of its own, but has one: a wrong price sells everything for nothing.
    Where the advice named no price of the contract, the quote is held against its own middle.
    """
    gate, draft = "price_collar", given.draft
    advised, price, bps = draft.advised_price, draft.market_price, draft.collar_bps
    if draft.symbol is None:
        return declined(gate, "the option contract is not named", "no symbol", "a symbol")
    if advised is None or advised <= 0:
        return declined(gate, "the advice names no price", "unknown", "a price")
    threshold = f"{plain(advised)} within {bps} bps"
    if price is None:
        return declined(gate, "there is no market price", "unknown", threshold)
    if not draft.limit_price:
        return declined(gate, "the limit rounds to nothing", plain(price), threshold)
    near = abs(price - advised) * BASIS_POINTS <= advised * bps
    if draft.names_no_price:
        said = "the advice names no price of the contract: its quote is held against its own middle"
    else:
        said = f"the market {'is near' if near else 'has left'} the advice"
    return (passed if near else declined)(gate, said, plain(price), threshold)


def order_rate(given: GateInput) -> GateResult:
    """Decline entries while the account has sent many orders, exits counted, in a minute or day."""
    gate, state, limits = "order_rate", given.state, given.limits
    if given.draft.closes:
        return _BOUNDED
    minute, day = state.orders_within_minute(given.now), state.orders_on(given.today)
    observed, threshold = f"{minute} this minute, {day} today", given.thresholds.order_rate
    if minute >= limits.max_orders_per_minute:
        return declined(gate, "too many orders within a minute", observed, threshold)
    if day >= limits.max_orders_per_day:
        return declined(gate, "too many orders today", observed, threshold)
    return passed(gate, "there were few orders lately", observed, threshold)
