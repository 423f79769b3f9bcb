"""One account, folded: for a reader, and as JSON."""

from dataclasses import fields

from accounts.state import AccountState
from cli.output import dollars, exact, moment, print_table, say
from consumers.settings import AccountSettings, config_hash


def account_as_json(account: AccountSettings, state: AccountState | None) -> dict[str, object]:
    """Return what is known of the account; ``log`` is None before its dispatcher's first run."""
    configured = {
        "mode": account.mode,
        "preset": account.preset,
        "config_hash": config_hash(account),
        "limits": {
            "max_open_positions": account.limits().max_open_positions,
            "max_notional_exposure": account.limits().max_notional_exposure,
        },
    }
    if state is None or state.opened is None:
        return {**configured, "log": None}
    return {
        **configured,
        "log": {
            "opened_at": state.opened.envelope.occurred_at,
            "trading": state.trading,
            "cash": state.cash,
            "equity": state.equity,
            "exposure": state.exposure,
            "peak_exposure": state.peak_exposure,
            "realised_pnl": state.realised_pnl,
            "fees": state.fees,
            "open_positions": state.open_position_count,
            "positions": list(state.positions.values()),
            "orders": list(state.orders.values()),
            "ends": state.ends,
            "decided": len(state.decided),
            "incidents": state.incidents,
            "version": state.version,
            "next_recommendation_offset": state.next_recommendation_offset,
        },
    }


def print_account(account: AccountSettings, state: AccountState | None) -> None:
    """Write the account to stdout as a reader wants it."""
    if state is None or state.opened is None:
        say(f"Account {account.name} ({account.mode.lower()}, {account.preset}) has never run.")
        return
    trading, limits, ends = state.trading, account.limits(), state.ends
    because = f" since {moment(trading.since)} by {trading.by}: {trading.reason}"
    print_table(
        [f"Account {account.name}", ""],
        [
            ["Status", trading.status.lower() + (because if trading.since else "")],
            ["Mode", f"{account.mode.lower()}, {account.preset} limits"],
            ["Opened", moment(state.opened.envelope.occurred_at)],
            ["Cash", dollars(state.cash)],
            ["Equity", dollars(state.equity)],
            [
                "Exposure",
                f"{dollars(state.exposure)} of at most {dollars(limits.max_notional_exposure)}",
            ],
            ["Its peak", dollars(state.peak_exposure)],
            ["Realised P&L", f"{dollars(state.realised_pnl)}, fees {dollars(state.fees)}"],
            ["Positions", f"{state.open_position_count} of at most {limits.max_open_positions}"],
            [
                "Ends",
                ", ".join(f"{getattr(ends, one.name)} {one.name}" for one in fields(ends)),
            ],
            ["Incidents", state.incidents],
        ],
    )
    if state.positions:
        say()
        print_table(
            ["Holding", ("Qty", "right"), ("Average price", "right"), ("Cost", "right")],
            (
                [one.symbol, one.quantity, dollars(one.average_price), dollars(one.cost)]
                for one in sorted(state.positions.values(), key=lambda one: one.symbol)
            ),
        )
    if state.orders:
        say()
        print_table(
            ["Open order", "Side", ("Qty", "right"), ("Filled", "right"), "Status"],
            (
                [
                    f"{one.terms.symbol} ({one.recommendation_id})",
                    one.terms.side.lower(),
                    exact(one.terms.quantity),
                    exact(one.cumulative_quantity),
                    one.status.lower(),
                ]
                for one in sorted(state.orders.values(), key=lambda one: one.intended_at)
            ),
        )
