"""Gates over the whole account: how many positions, how much at stake, with what money."""

from typing import Final

from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.sizing import free_power
from accounts.words import dollars
from events.decision import GateResult

_CLOSES: Final = "a closing order reduces what is at stake"
_NO_PRICE: Final = "there is no price to value the order by"
_POSITIONS: Final = not_applicable("max_open_positions", _CLOSES)
_EXPOSURE: Final = not_applicable("max_notional_exposure", _CLOSES)
_POWER: Final = not_applicable("buying_power", "an exit frees money")


def max_open_positions(given: GateInput) -> GateResult:
    """Decline one position more than the limit, entries on their way in counted."""
    gate, state, symbol = "max_open_positions", given.state, given.draft.symbol
    if given.draft.closes:
        return _POSITIONS
    after = state.open_position_count + (symbol is None or not state.is_open(symbol))
    observed, threshold = f"{after} with this one", given.thresholds.open_positions
    if after <= given.limits.max_open_positions:
        return passed(gate, "there is room for the position", observed, threshold)
    return declined(gate, "there is no room for another position", observed, threshold)


def max_notional_exposure(given: GateInput) -> GateResult:
    """Decline what would put more at stake than the limit, this order at its worst price counted.

    Where sizing found no room for a single share or contract, one is what is asked about.
    """
    gate, notional = "max_notional_exposure", given.order_notional
    if given.draft.closes:
        return _EXPOSURE
    threshold = given.thresholds.exposure
    if notional is None:
        return declined(gate, _NO_PRICE, "unknown", threshold)
    after = given.state.exposure + notional
    observed = f"{dollars(after)} with this order"
    if after <= given.limits.max_notional_exposure:
        return passed(gate, "there is room for the order", observed, threshold)
    return declined(gate, "the order would put too much at stake", observed, threshold)


def buying_power(given: GateInput) -> GateResult:
    """Decline what the free cash, or the broker's buying power, would not pay at its worst price.

    Where sizing found no room for a single share or contract, one is what is asked about.
    """
    gate, notional = "buying_power", given.order_notional
    if given.draft.closes:
        return _POWER
    power = free_power(given.state)
    threshold = f"at most {dollars(power)}"
    if notional is None:
        return declined(gate, _NO_PRICE, "unknown", threshold)
    if notional <= power:
        return passed(gate, "the order can be paid", dollars(notional), threshold)
    return declined(gate, "the order cannot be paid", dollars(notional), threshold)
