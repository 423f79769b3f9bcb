"""The rules of trading that an order must keep, whoever places it: prices, quantities, hours."""

from datetime import time
from decimal import Decimal
from typing import Final

from stack.alpaca_server.account import Account
from stack.alpaca_server.errors import Refusal, broken, forbidden
from stack.alpaca_server.hours import Hours
from stack.alpaca_server.instruments import Asset, Contract, Instrument, Instruments
from stack.alpaca_server.order import Terms
from stack.alpaca_server.values import decimals_of, text

_DOLLAR: Final = Decimal(1)
_CENT: Final = Decimal("0.01")
_NO_NEW_POSITIONS_FROM: Final = time(15, 30)
_OPEN_REFUSED: Final = (time(9, 28), time(19))
_CLOSE_REFUSED: Final = (time(15, 50), time(19))


def check_account(account: Account) -> None:
    """Refuse (403) every order of an account that may not trade."""
    if account.account_blocked or account.trading_blocked or account.status != "ACTIVE":
        raise forbidden("account is not allowed to trade")
    if account.trade_suspended_by_user:
        raise forbidden("trading is suspended by user")


def instrument_for(terms: Terms, instruments: Instruments, hours: Hours, at: int) -> Instrument:
    """Return what is ordered. Raises Refusal when it is unknown or cannot be traded."""
    found = instruments.find(terms.symbol)
    if isinstance(found, Contract):
        today = hours.new_york(at).date()
        if found.status_on(today) != "active":
            raise broken(f'contract "{found.symbol}" is not active')
        if not found.tradable:
            raise broken(f'contract "{found.symbol}" is not tradable')
        return found
    if found is None:
        kind = "contract" if len(terms.symbol) > len("AAPL261218C") else "asset"
        raise broken(f'{kind} "{terms.symbol}" not found')
    if found.status != "active":
        raise broken(f'asset "{found.symbol}" is not active')
    if not found.tradable:
        raise broken(f'asset "{found.symbol}" is not tradable')
    return found


def check_stock(terms: Terms, asset: Asset, hours: Hours, at: int) -> None:
    """Refuse (403, 422) a stock order that breaks a rule."""
    _check_increments(terms)
    _check_fraction(terms, asset)
    if terms.extended_hours and (
        terms.type != "limit" or terms.time_in_force not in {"day", "gtc"}
    ):
        raise broken("extended hours order must be DAY or GTC limit orders")
    now = hours.new_york(at).time()
    for kind, (first, last) in {"opg": _OPEN_REFUSED, "cls": _CLOSE_REFUSED}.items():
        if terms.time_in_force == kind and first <= now < last:
            raise broken(f"{kind} orders are not accepted between {first:%H:%M} and {last:%H:%M}")
    if terms.order_class == "bracket":
        _check_bracket(terms)


def check_option(
    terms: Terms, contract: Contract, account: Account, hours: Hours, at: int, *, intent: str
) -> None:
    """Refuse (403, 422) an option order that breaks a rule."""
    if terms.notional is not None or terms.qty is None or decimals_of(terms.qty):
        raise broken("qty must be integer for options trading")
    if terms.type not in {"market", "limit"}:
        raise broken("order_type provided not supported for options trading")
    if terms.time_in_force != "day":
        raise broken("order_time_in_force provided not supported for options trading")
    if terms.extended_hours:
        raise broken("extended hours not supported for options trading")
    if terms.order_class not in {"", "simple"}:
        raise broken("complex orders not supported for options trading")
    if terms.limit_price is not None and decimals_of(terms.limit_price) > len("01"):
        raise _sub_penny("limit_price", terms.limit_price)
    if terms.type == "market" and not hours.is_open(at):
        raise broken("options market orders are only allowed during market hours")
    _check_level(terms, contract, account, intent)
    local = hours.new_york(at)
    if (
        intent.endswith("open")
        and local.date() == contract.expires_on
        and local.time() >= _NO_NEW_POSITIONS_FROM
    ):
        raise broken(f'contract "{contract.symbol}" expires soon, unable to open new positions')


def _check_level(terms: Terms, contract: Contract, account: Account, intent: str) -> None:
    level = account.options_level
    if level == 0:
        raise forbidden("account not authorized to trade options")
    if intent == "buy_to_open" and level < len(("covered", "long")):
        raise forbidden("account not eligible to trade long option contracts")
    if intent == "sell_to_open" and contract.kind == "call":
        written = -min(account.held(contract.symbol), Decimal(0)) + (terms.qty or 0)
        if account.held(contract.underlying) < written * 100:
            raise forbidden("account not eligible to trade uncovered option contracts")


def _check_increments(terms: Terms) -> None:
    prices = {
        "limit_price": terms.limit_price,
        "stop_price": terms.stop_price,
        "take_profit.limit_price": terms.take_profit,
        "stop_loss.stop_price": terms.stop_loss,
        "stop_loss.limit_price": terms.stop_loss_limit,
    }
    for name, price in prices.items():
        if price is not None and decimals_of(price) > (2 if price >= _DOLLAR else 4):
            raise _sub_penny(name, price)


def _sub_penny(name: str, price: Decimal) -> Refusal:
    return broken(
        f"invalid {name} {text(price)}. sub-penny increment does not fulfill minimum pricing "
        "criteria"
    )


def _check_fraction(terms: Terms, asset: Asset) -> None:
    if terms.qty is not None and not decimals_of(terms.qty):
        return
    if not asset.fractionable:
        raise forbidden(f'asset "{asset.symbol}" is not fractionable')
    if terms.time_in_force != "day":
        raise broken("fractional orders must be DAY orders")
    if terms.order_class not in {"", "simple"}:
        raise broken("fractional orders must be simple orders")
    if terms.extended_hours and not asset.extended_fractions:
        raise broken("fractional orders are not supported in extended hours for this asset")


def _check_bracket(terms: Terms) -> None:
    if terms.take_profit is None:
        raise broken("bracket orders require take_profit.limit_price")
    if terms.stop_loss is None:
        raise broken("bracket orders require stop_loss.stop_price")
    if terms.time_in_force not in {"day", "gtc"}:
        raise broken("bracket orders must be DAY or GTC orders")
    if terms.extended_hours:
        raise broken("bracket orders are not supported in extended hours")
    up = 1 if terms.side == "buy" else -1
    if up * (terms.take_profit - terms.stop_loss) <= 0:
        relation = ">" if up > 0 else "<"
        raise broken(f"take_profit.limit_price must be {relation} stop_loss.stop_price")
    base = terms.limit_price
    if base is not None and up * (base - terms.stop_loss) < _CENT:
        relation = "<= base_price - 0.01" if up > 0 else ">= base_price + 0.01"
        raise broken(f"stop_loss.stop_price must be {relation}")
    if base is not None and up * (terms.take_profit - base) < _CENT:
        relation = ">= base_price + 0.01" if up > 0 else "<= base_price - 0.01"
        raise broken(f"take_profit.limit_price must be {relation}")
