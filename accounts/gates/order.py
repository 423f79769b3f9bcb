"""Gates over the order: that there is one, that it is not too big, that its price is sane."""

from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.limits import BASIS_POINTS
from accounts.words import dollars, plain
from events.decision import GateResult


def order_size(given: GateInput) -> GateResult:
    """Decline when sizing gave nothing to order; its sentence is the reason."""
    gate, sized = "order_size", given.sized
    observed = plain(sized.quantity)
    if sized.quantity > 0:
        return passed(gate, sized.how, observed, "more than 0")
    return declined(gate, sized.how, observed, "more than 0")


def max_order_notional(given: GateInput) -> GateResult:
    """Decline an entry that costs more than the limit at its worst price."""
    gate, limit = "max_order_notional", given.limits.max_order_notional
    if given.draft.closes:
        return not_applicable(gate, "a position that has grown must still be closed whole")
    unit, threshold = given.unit_notional, f"at most {dollars(limit)}"
    if unit is None:
        return declined(gate, "there is no price to value the order by", "unknown", threshold)
    notional = unit * given.sized.quantity
    if notional <= limit:
        return passed(gate, "the order is small enough", dollars(notional), threshold)
    return declined(gate, "the order is too big", dollars(notional), threshold)


def price_collar(given: GateInput) -> GateResult:
    """Decline when the market has left the collar around the price of the advice."""
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
    if abs(price - advised) * BASIS_POINTS <= advised * bps:
        return passed(gate, "the market is near the advice", plain(price), threshold)
    return declined(gate, "the market has left the advice", plain(price), threshold)
