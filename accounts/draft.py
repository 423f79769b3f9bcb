"""The order a recommendation would become: symbol, side and prices, before any gate is asked."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from accounts.limits import BASIS_POINTS, Limits
from accounts.state import ZERO, AccountState
from events.decision import MarketSeen
from events.order import Side
from events.quick import quick
from events.recommendation import Action, InstrumentType, RecommendationIssued

OPTION_MULTIPLIER: Final = 100
# Looked up once: a member found by way of its class costs as much as a comparison of two amounts.
_STOCK, _BUY, _SELL, _NO_SIDE = InstrumentType.STOCK, Side.BUY, Side.SELL, Side.UNKNOWN
_SIDES: Final = {Action.BUY: _BUY, Action.SELL: _SELL, Action.UNKNOWN: _NO_SIDE}
_CENT: Final = Decimal("0.01")
_TENTH_OF_A_MILL: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An order without its quantity. Prices are US dollars per share, None where unknown.

    `held` is what the account holds of `symbol` (signed); `closes` says that the order reduces it.
    `advised_price` is the advice's own; of a contract that it named no price of
    (`names_no_price`), the middle of the market's quote.
    `market_price` is what the other side asks for now (buying) or offers (selling).
    `worst_price` bounds what the order can cost; it is `limit_price` but for opening sales.
    """

    symbol: str | None
    multiplier: int
    side: Side
    held: Decimal
    closes: bool
    advised_price: Decimal | None
    names_no_price: bool
    market_price: Decimal | None
    collar_bps: int
    limit_price: Decimal | None
    worst_price: Decimal | None


_made = quick(Draft)


def order_symbol(recommendation: RecommendationIssued) -> str | None:
    """Return the symbol an order would name; None for an option without its contract."""
    if recommendation.instrument_type is _STOCK:
        return recommendation.ticker
    return None if recommendation.option is None else recommendation.option.symbol


def draft_order(
    state: AccountState,
    recommendation: RecommendationIssued,
    market: MarketSeen | None,
    limits: Limits,
) -> Draft:
    """Return the order that `recommendation` would become in this account and market."""
    is_stock = recommendation.instrument_type is _STOCK
    symbol = order_symbol(recommendation)
    position = None if symbol is None else state.positions.get(symbol)
    held = ZERO if position is None else position.quantity
    side = _SIDES[recommendation.action]
    closes = (side is _SELL and held > 0) or (side is _BUY and held < 0)
    collar_bps = _collar(limits, is_stock=is_stock, closes=closes)
    advised, market_price = advised_price(recommendation), _market_price(market, side)
    names_no_price = advised is None
    if names_no_price and symbol is not None:
        advised = _middle(market)
    limit = worst = None
    if advised is not None and market_price is not None and side is not _NO_SIDE:
        tick = None if is_stock else _CENT
        limit = limit_price(side, advised, collar_bps, tick)
        worst = limit
        if side is _SELL and not closes:  # a short sale is worth more the dearer it fills
            worst = _rounded(_collared(advised, collar_bps), tick, ROUND_CEILING)
    return _made(
        symbol=symbol,
        multiplier=1 if is_stock else OPTION_MULTIPLIER,
        side=side,
        held=held,
        closes=closes,
        advised_price=advised,
        names_no_price=names_no_price,
        market_price=market_price,
        collar_bps=collar_bps,
        limit_price=limit,
        worst_price=worst,
    )


def advised_price(recommendation: RecommendationIssued) -> Decimal | None:
    """Return the price per share that the advice was given at: an option's is its own, by mid."""
    if recommendation.instrument_type is _STOCK:
        return recommendation.reference_price
    quote = recommendation.option
    if quote is None:
        return None
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2
    return quote.ask if quote.bid is None else quote.bid


def limit_price(
    side: Side, advised: Decimal, collar_bps: int, tick: Decimal | None = None
) -> Decimal:
    """Return the limit at the collar's edge, rounded to the tick towards the advised price.

    A stock's tick is a cent from one dollar on, a hundredth of a cent below.
    """
    if side is _BUY:
        return _rounded(_collared(advised, collar_bps), tick, ROUND_FLOOR)
    return _rounded(_collared(advised, -collar_bps), tick, ROUND_CEILING)


def _collar(limits: Limits, *, is_stock: bool, closes: bool) -> int:
    if closes:
        return limits.exit_price_collar_bps if is_stock else limits.option_exit_price_collar_bps
    return limits.price_collar_bps if is_stock else limits.option_price_collar_bps


def _collared(price: Decimal, bps: int) -> Decimal:
    return price * (BASIS_POINTS + bps) / BASIS_POINTS


def increment(price: Decimal) -> Decimal:
    """Return the step in which a stock is priced around `price`, in US dollars."""
    return _CENT if price >= 1 else _TENTH_OF_A_MILL


def _rounded(price: Decimal, tick: Decimal | None, rounding: str) -> Decimal:
    return price.quantize(tick or increment(price), rounding)  # a keyword doubles the time


def _middle(market: MarketSeen | None) -> Decimal | None:
    """Return the middle of a quote that has two sides."""
    if market is None or market.bid is None or market.ask is None:
        return None
    return (market.bid + market.ask) / 2 if 0 < market.bid <= market.ask else None


def _market_price(market: MarketSeen | None, side: Side) -> Decimal | None:
    if market is None:
        return None
    quoted = market.ask if side is _BUY else market.bid
    price = market.reference_price if quoted is None else quoted
    return price if price > 0 else None
