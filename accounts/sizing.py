"""How much to order: by risk, amount or share, never past a cap, never rounded up."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from accounts.draft import Draft
from accounts.limits import Limits, SizingMethod
from accounts.state import ZERO, AccountState
from accounts.words import dollars, plain
from events.order import Side
from events.quick import by_place
from events.recommendation import InstrumentType, RecommendationIssued

STOP_IN_VOLATILITIES: Final = 2
"""Where no stop is given, it is assumed this many daily standard deviations away."""
_SMALLEST: Final = Decimal("0.000000001")
# Looked up once: a member found by way of its class costs as much as a comparison of two amounts.
_STOCK, _BUY = InstrumentType.STOCK, Side.BUY
_FIXED, _FRACTION = SizingMethod.FIXED_NOTIONAL, SizingMethod.FIXED_FRACTION


@dataclass(frozen=True, slots=True)
class Sized:
    """Shares or contracts to order (0: nothing), and one sentence saying how that came about."""

    quantity: Decimal
    how: str


_sized = by_place(Sized)


def size(
    state: AccountState, recommendation: RecommendationIssued, draft: Draft, limits: Limits
) -> Sized:
    """Return how much to order; closing orders take all that is held and not yet on sale."""
    if draft.symbol is None:
        return _sized(ZERO, "the recommendation names no option contract")
    if draft.market_price is None or not draft.worst_price:
        return _sized(ZERO, "there is no price to order at")
    if draft.closes:
        return _exit(state, draft, draft.symbol)
    unit = draft.worst_price * draft.multiplier
    wanted = _wanted(state, recommendation, draft, limits, unit)
    if isinstance(wanted, str):
        return _sized(ZERO, wanted)
    budget, why = wanted
    cap, cap_name = _cap(state, limits)
    if cap < budget:
        budget, why = cap, f"{why}, capped at {dollars(cap)} by {cap_name}"
    is_stock = recommendation.instrument_type is _STOCK
    if is_stock and limits.fractional_shares:
        quantity = (budget / unit).quantize(_SMALLEST, ROUND_DOWN)
    else:
        quantity = budget // unit
    if not is_stock and quantity > limits.max_contracts:
        quantity, why = Decimal(limits.max_contracts), f"{why}, capped by max_contracts"
    return _sized(quantity, f"{why}: {plain(quantity)} at worst {dollars(unit)} each")


def free_power(state: AccountState) -> Decimal:
    """Return US dollars that new orders may cost: what is not at stake, at most the broker's power.

    Of an account that is long alone that is its cash less what orders reserve. What a short sale
    brought in is owed, and it ties up as much again: a dollar at stake takes one, long or short.
    The broker's buying power is as old as the newest reconciliation; it can only take away.
    """
    free, broker = state.cash + state.net_cost - state.exposure, state.broker
    if broker is not None and broker.buying_power is not None:
        free = min(free, broker.buying_power)
    return max(free, ZERO)


def _exit(state: AccountState, draft: Draft, symbol: str) -> Sized:
    covered = state.closing_quantity(symbol)
    held = abs(draft.held)
    quantity = max(held - covered, ZERO)
    if covered:
        return _sized(quantity, f"{plain(held)} held less {plain(covered)} in open closing orders")
    return _sized(quantity, f"all {plain(held)} held")


def _wanted(
    state: AccountState,
    recommendation: RecommendationIssued,
    draft: Draft,
    limits: Limits,
    unit: Decimal,
) -> tuple[Decimal, str] | str:
    """Return US dollars to spend at the worst price and why, or why nothing can be spent."""
    if limits.sizing_method is _FIXED:
        return limits.fixed_notional, f"{dollars(limits.fixed_notional)} for each entry"
    equity = state.equity
    if equity <= 0:
        return f"equity is {dollars(equity)}: there is nothing to risk"
    if limits.sizing_method is _FRACTION:
        share = limits.fixed_fraction_of_equity
        return equity * share, f"{plain(share)} of {dollars(equity)} for each entry"
    risk = _risk(recommendation, draft, unit)
    if isinstance(risk, str):
        return risk
    share = limits.risk_share_of_equity
    budget = equity * share * unit / risk
    return budget, f"{plain(share)} of {dollars(equity)} over a risk of {dollars(risk)} each"


def _risk(recommendation: RecommendationIssued, draft: Draft, unit: Decimal) -> Decimal | str:
    """Return the US dollars that one share or contract can lose, or why that is not known."""
    if recommendation.instrument_type is not _STOCK:
        return unit  # a bought option can lose its whole premium
    price = draft.market_price
    if price is None:
        return "there is no price to order at"
    if recommendation.stop is not None:
        distance = price - recommendation.stop
        risk = distance if draft.side is _BUY else -distance
        if risk <= 0:
            return f"the stop {plain(recommendation.stop)} is not beyond the price {plain(price)}"
        return risk
    if not recommendation.recent_volatility:
        return "there is neither a stop nor a recent volatility to size the order by"
    return recommendation.recent_volatility * STOP_IN_VOLATILITIES * price


def _cap(state: AccountState, limits: Limits) -> tuple[Decimal, str]:
    room = max(limits.max_notional_exposure - state.exposure, ZERO)
    share = max(state.equity * limits.max_share_of_equity, ZERO)
    return min(
        (limits.max_order_notional, "max_order_notional"),
        (room, "the exposure left"),
        (share, "max_share_of_equity"),
        (free_power(state), "buying_power"),
    )
