"""One account as JSON: everything that is known of it."""

import json
from typing import Any

from accounts.calendar import exchange_day
from accounts.limit_use import buying_power, limit_uses, ticker_uses
from accounts.state import AccountState, OpenOrder, Position
from cli.output import plain
from consumers.account_facts import AccountFacts
from consumers.settings_hash import config_hash, limits_json


def account_as_json(facts: AccountFacts) -> dict[str, Any]:
    """Return what is known of the account; ``log`` is None before its dispatcher's first run."""
    account, folded = facts.account, facts.folded
    known = {
        "name": account.name,
        "mode": account.mode,
        "preset": account.preset,
        "clock": account.clock,
        "config_hash": config_hash(account),
        "limits": json.loads(limits_json(account)),
        "as_of": facts.as_of,
        "seat": facts.seat,
        "undecided": facts.undecided,
        "waits_for": None if facts.backlog is None else facts.backlog.wait,
    }
    if folded is None or folded.state.opened is None:
        return {**known, "log": None}
    return {**known, "log": _log(facts, folded.state, folded.log_offset)}


def position_as_json(state: AccountState, held: Position) -> dict[str, Any]:
    """Return one holding; without a price seen it has neither value nor open P&L."""
    last = state.last_prices.get(held.symbol)
    value = None if last is None else held.worth(last)
    return {
        "ticker": held.ticker,
        "symbol": held.symbol,
        "instrument_type": held.instrument_type,
        "multiplier": held.multiplier,
        "quantity": held.quantity,
        "cost": held.cost,
        "average_price": held.average_price,
        "last_price": last,
        "value": value,
        "open_pnl": None if value is None else value - held.cost,
    }


def _log(facts: AccountFacts, state: AccountState, log_offset: int) -> dict[str, Any]:
    opened, version, limits = state.opened, state.version, facts.limits
    today = exchange_day(facts.now)
    reserved_by = sorted(state.orders.values(), key=lambda one: one.intended_at)
    return {
        "next_offset": log_offset,
        "opened_at": None if opened is None else opened.envelope.occurred_at,
        "trading": state.trading,
        "version": version and {**plain(version), "limits": json.loads(version.limits)},
        "limits_differing": {
            name: {"run": run, "configuration": configured}
            for name, (run, configured) in limits.differing.items()
        },
        "limits": [
            {
                "limit": one.limit,
                "used": one.used,
                "allowed": one.allowed,
                "free": one.free,
            }
            for one in limit_uses(state, limits.limits, facts.now)
        ],
        "day": today,
        "tickers_today": ticker_uses(state, limits.limits, facts.now),
        "orders_today": state.orders_on(today),
        "orders_last_minute": state.orders_within_minute(facts.now),
        "cash": state.cash,
        "equity": state.equity,
        "buying_power": buying_power(state),
        "broker": state.broker,
        "exposure": state.exposure,
        "held_cost": state.held_cost,
        "reserved": state.reserved,
        "peak_exposure": state.peak_exposure,
        "pnl_today": state.pnl_on(today),
        "realised_pnl": state.realised_pnl,
        "open_pnl": state.open_pnl,
        "fees": state.fees,
        "open_positions": state.open_position_count,
        "positions": [
            position_as_json(state, held)
            for held in sorted(state.positions.values(), key=lambda one: one.symbol)
        ],
        "orders": [_order(one) for one in reserved_by],
        "unresolved": [one.client_order_id for one in state.unresolved()],
        "ends": state.ends,
        "decided": len(state.decided),
        "failures_in_row": state.failures_in_row,
        "failing_tickers": sorted(state.failing_tickers),
        "incidents": state.incidents,
        "reconciled_at": state.reconciled_at,
        "differences": state.differences,
        "clock_at": state.clock_at,
        "next_recommendation_offset": state.next_recommendation_offset,
        "next_command_offset": state.next_command_offset,
    }


def _order(order: OpenOrder) -> dict[str, Any]:
    told: dict[str, Any] = plain(order)
    return {
        **told,
        "client_order_id": order.client_order_id,
        "unresolved": order.unresolved,
        "open_quantity": order.open_quantity,
        "reserved": order.reserved,
    }
