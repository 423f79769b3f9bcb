"""Accounts and positions as Alpaca's JSON."""

from decimal import Decimal
from typing import Any

from stack.alpaca_server.account import Account, Holding, figures
from stack.alpaca_server.errors import NO_SUCH_THING, NOT_FOUND, Refusal
from stack.alpaca_server.exchange import Exchange
from stack.alpaca_server.instruments import Asset, shares_per
from stack.alpaca_server.values import cents, id_of, micros, stamp, text


def account_view(account: Account, exchange: Exchange) -> dict[str, Any]:
    """Return an account's JSON, without the day-trading fields that Alpaca retired in 2026."""
    now = figures(account, exchange.instruments, exchange.market)

    def dollars(value: Decimal) -> str:
        return text(cents(value))

    invested = now.long_value - now.short_value
    return {
        "id": account.id,
        "account_number": account.number,
        "status": account.status,
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "cash": dollars(account.cash),
        "equity": dollars(now.equity),
        "last_equity": dollars(now.equity),
        "portfolio_value": dollars(now.equity),
        "buying_power": dollars(now.buying_power),
        "regt_buying_power": dollars(now.regt_buying_power),
        "options_buying_power": dollars(now.options_buying_power),
        "non_marginable_buying_power": dollars(now.options_buying_power),
        "long_market_value": dollars(now.long_value),
        "short_market_value": dollars(now.short_value),
        "initial_margin": dollars(invested / 2),
        "maintenance_margin": dollars(invested * 3 / 10),
        "last_maintenance_margin": "0",
        "sma": dollars(now.equity),
        "multiplier": text(account.multiplier),
        "shorting_enabled": account.shorting_enabled,
        "options_approved_level": account.options_level,
        "options_trading_level": account.options_level,
        "trading_blocked": account.trading_blocked,
        "transfers_blocked": False,
        "account_blocked": account.account_blocked,
        "trade_suspended_by_user": account.trade_suspended_by_user,
        "accrued_fees": "0",
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "balance_asof": stamp(exchange.at)[:10],
        "created_at": stamp(account.created_at),
    }


def positions_view(account: Account, exchange: Exchange) -> list[dict[str, Any]]:
    """Return every position's JSON."""
    return [
        _position(symbol, holding, account, exchange)
        for symbol, holding in sorted(account.holdings.items())
    ]


def position_view(account: Account, exchange: Exchange, symbol_or_id: str) -> dict[str, Any]:
    """Return one position's JSON. Raises Refusal (404) when there is none."""
    for symbol, holding in account.holdings.items():
        if symbol_or_id in {symbol, id_of("asset", symbol)}:
            return _position(symbol, holding, account, exchange)
    raise Refusal(NOT_FOUND, NO_SUCH_THING, "position does not exist")


def _position(
    symbol: str, holding: Holding, account: Account, exchange: Exchange
) -> dict[str, Any]:
    instrument = exchange.instruments.ensure(symbol)
    quote = exchange.market.quote(symbol)
    shares = shares_per(instrument)
    price = exchange.market.price(symbol, holding.average)
    yesterday = price if quote is None else quote.previous_close
    cost, value = (holding.qty * each * shares for each in (holding.average, price))
    gained = text(micros(value - cost))
    part = text(micros((value - cost) / abs(cost))) if cost else "0"
    held, _ = account.held_for_orders(symbol)
    free = holding.qty - held if holding.qty > 0 else holding.qty + held
    is_stock = isinstance(instrument, Asset)
    return {
        "asset_id": instrument.id,
        "symbol": symbol,
        "exchange": instrument.exchange if isinstance(instrument, Asset) else "",
        "asset_class": "us_equity" if is_stock else "us_option",
        "asset_marginable": is_stock,
        "qty": text(holding.qty),
        "qty_available": text(free),
        "avg_entry_price": text(micros(holding.average)),
        "side": "long" if holding.qty > 0 else "short",
        "market_value": text(micros(value)),
        "cost_basis": text(micros(cost)),
        "unrealized_pl": gained,
        "unrealized_plpc": part,
        "unrealized_intraday_pl": gained,
        "unrealized_intraday_plpc": part,
        "current_price": text(price),
        "lastday_price": text(yesterday),
        "change_today": text(micros(price / yesterday - 1)) if yesterday else "0",
    }
