"""Brackets: the stop and the target of an entry, held by the broker as two orders of its own.

The broker names these orders itself. Here each has the name that an order of that leg would have,
from the moment its entry is intended, so that the log knows them as ours whoever tells of them.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from accounts.draft import Draft, increment
from accounts.limits import Brackets, Limits
from accounts.orders import OpenOrder, OrderStatus
from accounts.state import ZERO
from accounts.words import plain
from events.identifiers import AccountName, Leg, client_order_id
from events.order import OrderType, Side, TimeInForce
from events.recommendation import Action, InstrumentType, RecommendationIssued

LEAST_DISTANCE: Final = Decimal("0.01")
"""US dollars that stop and target must be away from the entry's price."""

_TIMES_IN_FORCE: Final = {Brackets.DAY: TimeInForce.DAY, Brackets.GTC: TimeInForce.GTC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exits:
    """Where an entry's stop and target go; prices are US dollars per share, `how` says why."""

    how: str = ""
    stop: Decimal | None = None
    target: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY


_NONE: Final = Exits()


def exits_of(
    advice: RecommendationIssued, draft: Draft, quantity: Decimal, limits: Limits
) -> Exits:
    """Return the bracket of an order of `quantity`, or why it goes without one.

    Nothing is said where the account asks for none, or the advice names neither stop nor target.
    """
    asked = limits.brackets is not Brackets.OFF and not draft.closes
    if not asked or (advice.stop is None and advice.target is None):
        return _NONE
    if advice.instrument_type is not InstrumentType.STOCK:
        return Exits(how="no bracket: the broker holds none for options")
    if advice.stop is None or advice.target is None:
        missing = "stop" if advice.stop is None else "target"
        return Exits(how=f"no bracket: the advice names no {missing}, and a bracket needs both")
    if quantity != quantity.to_integral_value():
        return Exits(how=f"no bracket: {plain(quantity)} are no whole shares")
    base = draft.market_price if draft.limit_price is None else draft.limit_price
    up = 1 if draft.side is Side.BUY else -1
    stop = _towards_entry(advice.stop, ROUND_CEILING if up > 0 else ROUND_FLOOR)
    target = _towards_entry(advice.target, ROUND_FLOOR if up > 0 else ROUND_CEILING)
    if base is None or up * (base - stop) < LEAST_DISTANCE or up * (target - base) < LEAST_DISTANCE:
        between = f"stop {plain(stop)} and target {plain(target)}"
        return Exits(how=f"no bracket: {between} do not lie around {plain(base or ZERO)}")
    return Exits(
        how=f"the broker holds stop {plain(stop)} and target {plain(target)}",
        stop=stop,
        target=target,
        time_in_force=_TIMES_IN_FORCE[limits.brackets],
    )


def legs_of(entry: OpenOrder, account: AccountName) -> tuple[OpenOrder, ...]:
    """Return the two orders that wait at the broker for `entry` to fill; none without a bracket."""
    terms = entry.terms
    if terms.take_profit is None or terms.stop_loss is None:
        return ()
    buys = terms.side is Side.SELL

    def leg(which: Leg, price: Decimal) -> OpenOrder:
        is_limit = which is Leg.TARGET
        name = client_order_id(account, entry.recommendation_id, which)
        own = replace(
            terms,
            client_order_id=name,
            action=Action.BUY if buys else Action.SELL,
            side=Side.BUY if buys else Side.SELL,
            closes_position=True,
            order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
            reference_price=price,
            limit_price=price if is_limit else None,
            worst_price=price,
            reserved_notional=ZERO,
            take_profit=None,
            stop_loss=None,
        )
        return replace(
            entry,
            leg=which,
            terms=own,
            status=OrderStatus.WAITING,
            parent=entry.client_order_id,
        )

    return leg(Leg.STOP, terms.stop_loss), leg(Leg.TARGET, terms.take_profit)


def _towards_entry(price: Decimal, rounding: str) -> Decimal:
    return price.quantize(increment(price), rounding=rounding)
