"""Gates over the whole account: how many positions, how much money at stake."""

from accounts.gates.given import GateInput, declined, not_applicable, passed
from accounts.words import dollars
from events.decision import GateResult

_CLOSES = "a closing order reduces what is at stake"


def max_open_positions(given: GateInput) -> GateResult:
    """Decline one position more than the limit, entries on their way in counted."""
    gate = "max_open_positions"
    if given.draft.closes:
        return not_applicable(gate, _CLOSES)
    symbols, limit = given.state.open_symbols(), given.limits.max_open_positions
    after = len(symbols) + (given.draft.symbol not in symbols)
    observed, threshold = f"{after} with this one", f"at most {limit}"
    if after <= limit:
        return passed(gate, "there is room for the position", observed, threshold)
    return declined(gate, "there is no room for another position", observed, threshold)


def max_notional_exposure(given: GateInput) -> GateResult:
    """Decline what would put more at stake than the limit, this order at its worst price counted.

    Where sizing found no room for a single share or contract, one is what is asked about.
    """
    gate, limit = "max_notional_exposure", given.limits.max_notional_exposure
    if given.draft.closes:
        return not_applicable(gate, _CLOSES)
    unit, threshold = given.unit_notional, f"at most {dollars(limit)}"
    if unit is None:
        return declined(gate, "there is no price to value the order by", "unknown", threshold)
    after = given.state.exposure + unit * (given.sized.quantity or 1)
    observed = f"{dollars(after)} with this order"
    if after <= limit:
        return passed(gate, "there is room for the order", observed, threshold)
    return declined(gate, "the order would put too much at stake", observed, threshold)
