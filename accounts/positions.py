"""How a trade changes a holding: average cost, long and short alike."""

from dataclasses import dataclass
from decimal import Decimal

from accounts.state import ZERO, AccountState, Position
from events.recommendation import InstrumentType
from events.values import money


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What changed hands: `quantity` is positive when we receive it.

    `amount` is US dollars (price x quantity x multiplier) of the same sign, without `fees`.
    """

    ticker: str
    symbol: str
    instrument_type: InstrumentType
    multiplier: int
    quantity: Decimal
    amount: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True)
class Booked:
    """A holding after a trade (None: nothing is left), and what closing a part of it won."""

    position: Position | None
    realised: Decimal


def booked(held: Position | None, trade: Trade) -> Booked:
    """Return the holding after `trade`; what crosses zero closes first, then opens anew."""
    if held is None:
        return Booked(_opened(trade, trade.quantity, trade.amount), ZERO)
    if (held.quantity > 0) == (trade.quantity > 0):
        return Booked(
            _opened(trade, held.quantity + trade.quantity, held.cost + trade.amount), ZERO
        )
    left = held.quantity + trade.quantity
    if left == 0:
        return Booked(None, -trade.amount - held.cost)
    if (left > 0) == (held.quantity > 0):
        cost_out = money(held.cost * -trade.quantity / held.quantity)
        return Booked(_opened(trade, left, held.cost - cost_out), -trade.amount - cost_out)
    amount_in = money(trade.amount * left / trade.quantity)
    return Booked(_opened(trade, left, amount_in), amount_in - trade.amount - held.cost)


def fits(state: AccountState, trade: Trade) -> bool:
    """Whether `trade` can be a trade in what is held under its symbol."""
    held = state.positions.get(trade.symbol)
    return trade.multiplier > 0 and (held is None or held.multiplier == trade.multiplier)


def _opened(trade: Trade, quantity: Decimal, cost: Decimal) -> Position:
    return Position(
        ticker=trade.ticker,
        symbol=trade.symbol,
        instrument_type=trade.instrument_type,
        multiplier=trade.multiplier,
        quantity=quantity,
        cost=cost,
    )
