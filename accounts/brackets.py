"""Brackets: the stop and the target of an entry, held by the broker as two orders of its own.

The broker names these orders itself. Here each has the name that an order of that leg would have,
from the moment its entry is intended, so that the log knows them as ours whoever tells of them.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from accounts.draft import Draft, increment
from accounts.extended_hours import in_session
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


_OFF, _NONE = Brackets.OFF, Exits()


def exits_of(
    advice: RecommendationIssued,
    draft: Draft,
    quantity: Decimal,
    limits: Limits,
    now: datetime,
) -> Exits:
    """Return the bracket of an order of `quantity`, or why it goes without one.

    Nothing is said where the account asks for none, or the advice names neither stop nor target.
    """
    asked = limits.brackets is not _OFF and not draft.closes
    stop, target = advice.stop, advice.target
    if not asked or (stop is None and target is None):
        return _NONE
    why_not = _why_not(advice, quantity, limits, now)
    if stop is None or target is None or why_not is not None:
        return Exits(how=f"no bracket: {why_not}")
    base = draft.market_price if draft.limit_price is None else draft.limit_price
    up = 1 if draft.side is Side.BUY else -1
    stop = _rounded(stop, ROUND_CEILING if up > 0 else ROUND_FLOOR)  # towards the entry
    target = _rounded(target, ROUND_FLOOR if up > 0 else ROUND_CEILING)
    both = f"stop {plain(stop)} and target {plain(target)}"
    if base is None or min(up * (base - stop), up * (target - base)) < LEAST_DISTANCE:
        return Exits(how=f"no bracket: {both} do not lie around {plain(base or ZERO)}")
    return Exits(
        how=f"the broker holds {both}",
        stop=stop,
        target=target,
        time_in_force=_TIMES_IN_FORCE[limits.brackets],
    )


def _why_not(
    advice: RecommendationIssued, quantity: Decimal, limits: Limits, now: datetime
) -> str | None:
    if advice.instrument_type is not InstrumentType.STOCK:
        return "the broker holds none for options"
    if advice.stop is None or advice.target is None:
        missing = "stop" if advice.stop is None else "target"
        return f"the advice names no {missing}, and a bracket needs both"
    if quantity != quantity.to_integral_value():
        return f"{plain(quantity)} are no whole shares"
    if limits.extended_hours and not in_session(now):
        return "the broker takes none outside the exchange's own hours"
    return None


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


def _rounded(price: Decimal, rounding: str) -> Decimal:
    return price.quantize(increment(price), rounding=rounding)
