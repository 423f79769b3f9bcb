"""Stocks and contracts, the clock, as Alpaca's JSON."""

from datetime import date
from typing import Any

from stack.alpaca_server.hours import Hours
from stack.alpaca_server.instruments import Asset, Contract
from stack.alpaca_server.values import id_of, moment_of, stamp, text


def asset_view(asset: Asset) -> dict[str, Any]:
    """Return a stock's JSON."""
    attributes = ["fractional_eh_enabled"] if asset.extended_fractions else []
    return {
        "id": asset.id,
        "class": "us_equity",
        "exchange": asset.exchange,
        "symbol": asset.symbol,
        "name": asset.name,
        "status": asset.status,
        "tradable": asset.tradable,
        "marginable": asset.marginable,
        "shortable": asset.shortable,
        "easy_to_borrow": asset.shortable,
        "borrow_status": "easy_to_borrow" if asset.shortable else "hard_to_borrow",
        "fractionable": asset.fractionable,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "attributes": [*attributes, "has_options"],
    }


def contract_view(contract: Contract, at: int, today: date) -> dict[str, Any]:
    """Return an option contract's JSON at a time, which is on the day `today` in New York."""
    yesterday = stamp(at)[:10]
    closed = (
        {}
        if contract.close_price is None
        else {"close_price": text(contract.close_price), "close_price_date": yesterday}
    )
    return {
        "id": contract.id,
        "symbol": contract.symbol,
        "name": contract.name,
        "status": contract.status_on(today),
        "tradable": contract.tradable,
        "expiration_date": contract.expires_on.isoformat(),
        "root_symbol": contract.underlying,
        "underlying_symbol": contract.underlying,
        "underlying_asset_id": id_of("asset", contract.underlying),
        "type": contract.kind,
        "style": "american",
        "strike_price": text(contract.strike),
        "multiplier": "100",
        "size": "100",
        "open_interest": str(contract.open_interest),
        "open_interest_date": yesterday,
        "ppind": True,
        **closed,
    }


def clock_view(hours: Hours, at: int) -> dict[str, Any]:
    """Return the market clock's JSON; times are New York's, with their offset."""
    local = moment_of(at).astimezone(hours.new_york(at).tzinfo)
    zone = hours.new_york(at).tzinfo
    return {
        "timestamp": local.isoformat(),
        "is_open": hours.is_open(at),
        "next_open": hours.next_open(at).astimezone(zone).isoformat(),
        "next_close": hours.next_close(at).astimezone(zone).isoformat(),
    }
