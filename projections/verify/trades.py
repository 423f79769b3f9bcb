"""What trades and adjustments make of an account's holdings, cash and fees."""

from decimal import Decimal
from typing import Final

from events.account import AdjustmentKind, PositionAdjusted
from events.order import OrderTerms
from projections.verify.holdings import Holding, cents
from projections.verify.ledger import Ledger

_TRADES: Final = (AdjustmentKind.OUTSIDE_TRADE, AdjustmentKind.LATE_FILL)


def adjust(ledger: Ledger, event: PositionAdjusted, offset: int) -> bool:
    """Write down what changed a holding without an order of ours; False where it cannot be."""
    if not multiplier_fits(ledger, event.symbol, event.multiplier):
        return False
    ledger.once.add(event.envelope.event_id)
    change = event.quantity_change
    held = ledger.holdings.get(event.symbol)
    left = change if held is None else held.quantity + change
    splits = event.kind is AdjustmentKind.CORPORATE_ACTION and event.price == 0
    if held is not None and splits and left * held.quantity > 0 and change != 0:
        if event.symbol in ledger.prices:
            ledger.prices[event.symbol] = cents(ledger.prices[event.symbol] * held.quantity / left)
        held.split(left)
        held.log_offset = offset
        change = Decimal(0)
    if change == 0:
        ledger.cash -= event.fees
        ledger.fees += event.fees
    else:
        amount = change * event.price * event.multiplier
        trade(ledger, event, change, amount, event.fees, offset)
        if event.kind in _TRADES and event.price > 0:
            ledger.prices[event.symbol] = event.price
    return True


def multiplier_fits(ledger: Ledger, symbol: str, multiplier: int) -> bool:
    """Say whether a contract of `multiplier` can be what is held of `symbol`, if anything is."""
    held = ledger.holdings.get(symbol)
    return multiplier > 0 and (held is None or held.multiplier == multiplier)


def trade(
    ledger: Ledger,
    about: OrderTerms | PositionAdjusted,
    quantity: Decimal,
    amount: Decimal,
    fees: Decimal,
    offset: int,
) -> None:
    """Buy (sell: negative) `quantity` for `amount` US dollars in all, and pay `fees`."""
    ledger.cash = ledger.cash - amount - fees
    ledger.fees += fees
    held = ledger.holdings.pop(about.symbol, None) or Holding(
        about.ticker, about.instrument_type, about.multiplier, offset
    )
    held.trade(quantity, amount, fifo=ledger.fifo)
    held.ticker, held.instrument_type, held.log_offset = about.ticker, about.instrument_type, offset
    if held.quantity != 0:
        ledger.holdings[about.symbol] = held
