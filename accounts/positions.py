"""How a trade changes a holding: by average cost or first in first out, long and short alike."""

from dataclasses import dataclass
from decimal import Decimal

from accounts.lots import Lot, Lots
from accounts.state import ZERO, AccountState, Position
from events.account import CostBasis
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


def booked(
    held: Position | None, trade: Trade, cost_basis: CostBasis = CostBasis.AVERAGE
) -> Booked:
    """Return the holding after `trade`; what crosses zero closes first, then opens anew.

    What is realised differs by `cost_basis` only while something is held: once flat it is the
    same, as each sale takes out what was put in, to the last digit.
    """
    fifo = cost_basis is CostBasis.FIFO
    if held is None:
        return Booked(_opened(trade, trade.quantity, trade.amount, fifo=fifo), ZERO)
    left = held.quantity + trade.quantity
    if (held.quantity > 0) == (trade.quantity > 0):
        return Booked(_grown(held, trade, fifo=fifo), ZERO)
    if left == 0:
        return Booked(None, -trade.amount - held.cost)
    if (left > 0) == (held.quantity > 0):
        if fifo:
            lots, cost_out = _lots(held).less(-trade.quantity)
        else:
            lots, cost_out = Lots(), money(held.cost * -trade.quantity / held.quantity)
        after = _position(trade, left, held.cost - cost_out, lots)
        return Booked(after, -trade.amount - cost_out)
    amount_in = money(trade.amount * left / trade.quantity)
    return Booked(_opened(trade, left, amount_in, fifo=fifo), amount_in - trade.amount - held.cost)


def fits(state: AccountState, trade: Trade) -> bool:
    """Whether `trade` can be a trade in what is held under its symbol."""
    held = state.positions.get(trade.symbol)
    return trade.multiplier > 0 and (held is None or held.multiplier == trade.multiplier)


def _opened(trade: Trade, quantity: Decimal, cost: Decimal, *, fifo: bool) -> Position:
    lots = Lots().plus(Lot(quantity, cost)) if fifo else Lots()
    return _position(trade, quantity, cost, lots)


def _grown(held: Position, trade: Trade, *, fifo: bool) -> Position:
    lots = _lots(held).plus(Lot(trade.quantity, trade.amount)) if fifo else Lots()
    return _position(trade, held.quantity + trade.quantity, held.cost + trade.amount, lots)


def _lots(held: Position) -> Lots:
    return held.lots if len(held.lots) else Lots().plus(Lot(held.quantity, held.cost))


def _position(trade: Trade, quantity: Decimal, cost: Decimal, lots: Lots) -> Position:
    return Position(
        ticker=trade.ticker,
        symbol=trade.symbol,
        instrument_type=trade.instrument_type,
        multiplier=trade.multiplier,
        quantity=quantity,
        cost=cost,
        lots=lots,
    )
