"""Accounts and holdings from the projected tables, which may be behind the log: that is said."""

from collections.abc import Iterable, Iterator
from typing import Any

from cli.output import dollars, exact, moment, print_json, print_table, say
from consumers.account_tables import TabledAccount, tabled_accounts
from consumers.settings import Settings
from consumers.settings_account import AccountSettings

_ENDS = ("executed", "declined", "rejected", "expired", "failed")


def show_from_tables(settings: Settings, account: AccountSettings, *, as_json: bool) -> None:
    """Write one account as the tables have it, and how far behind its log they are."""
    found = _tabled(settings, [account])[account.name]
    if as_json:
        print_json({"name": account.name, "tables": _as_json(found)})
        return
    say(in_words(account.name, found))
    if found.state is None:
        return
    row = found.state
    print_table([f"Account {account.name}", ""], _situation(row))
    say()
    print_table(["Money", ("US dollars", "right")], _money(row))
    say()
    print_table(["Limit", ("Used", "right"), ("Allowed", "right")], _limits(row))
    if found.positions:
        say()
        print_table(
            [
                "Holding",
                ("Qty", "right"),
                ("Average", "right"),
                ("Last", "right"),
                ("Value", "right"),
                ("Open P&L", "right"),
            ],
            (
                [
                    held["symbol"],
                    exact(held["quantity"]),
                    *(
                        _dollars(held[name])
                        for name in ("average_price", "last_price", "market_value", "open_pnl")
                    ),
                ]
                for held in found.positions
            ),
        )


def positions_from_tables(
    settings: Settings, accounts: Iterable[AccountSettings]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return holdings as `positions list` shows them, and a sentence per account on its lag."""
    found = _tabled(settings, accounts)
    rows = [
        {"account_name": name, **_position(held), "next_offset": one.next_offset}
        for name, one in found.items()
        for held in one.positions
    ]
    return rows, [in_words(name, one) for name, one in found.items()]


def in_words(name: str, found: TabledAccount) -> str:
    """Return how far the tables have an account's log, in a sentence or two."""
    if found.state is None and not found.parked:
        never = found.behind == 0
        why = ": its log is empty." if never else " yet: dispatcher projections run"
        return f"The tables have nothing of {name}{why}"
    told = f"The tables have {name}'s log up to offset {found.next_offset}"
    match found.behind:
        case None:
            told += "; how far it goes is not known, as Kafka does not answer."
        case 0:
            told += ": all of it."
        case behind:
            told += f" of {found.end_offset}: {behind} behind."
    if found.parked:
        told += (
            f" {found.parked} events of it are parked and not in here: "
            "dispatcher projections parked list"
        )
    return told


def _tabled(settings: Settings, accounts: Iterable[AccountSettings]) -> dict[str, TabledAccount]:
    names = [one.account for one in accounts]
    found = tabled_accounts(settings.kafka.cluster, settings.postgres_dsn(), names)
    return {str(name): one for name, one in found.items()}


def _as_json(found: TabledAccount) -> dict[str, Any]:
    """Return the account's rows under the names that `accounts show` gives them from the log."""
    read = {
        "next_offset": found.next_offset,
        "end_offset": found.end_offset,
        "behind": found.behind,
        "parked": found.parked,
    }
    row = found.state
    if row is None:
        return {**read, "log_offset": None}
    same = (
        "log_offset",
        "last_event_at",
        "mode",
        "opened_at",
        "cash",
        "equity",
        "exposure",
        "held_cost",
        "reserved",
        "peak_exposure",
        "realised_pnl",
        "open_pnl",
        "fees",
        "next_recommendation_offset",
    )
    version = {
        "started_at": row["started_at"],
        "run_id": row["dispatcher_run_id"],
        "build": row["build"],
        "config_hash": row["config_hash"],
        "limits": row["limits"],
    }
    return {
        **read,
        **{name: row[name] for name in same},
        "trading": {
            "status": row["trading_status"],
            "since": row["trading_since"],
            "by": row["trading_by"],
            "reason": row["trading_reason"],
        },
        "version": None if row["dispatcher_run_id"] is None else version,
        "limits": [
            {"limit": name, "used": row[used], "allowed": row[name]}
            for name, used in (
                ("max_open_positions", "open_position_count"),
                ("max_notional_exposure", "exposure"),
            )
        ],
        "exchange_day": row["exchange_day"],
        "executions_on_exchange_day": row["executions_on_exchange_day"],
        "pnl_on_exchange_day": row["day_pnl"],
        "open_positions": row["open_position_count"],
        "positions": [_position(held) for held in found.positions],
        "open_orders": row["open_order_count"],
        "unresolved_orders": row["unresolved_order_count"],
        "ends": {end: row[f"{end}_count"] for end in _ENDS},
        "decided": row["decided_count"],
        "incidents": row["incident_count"],
    }


def _position(held: dict[str, Any]) -> dict[str, Any]:
    """Return a holding under the names that it has from the log."""
    named = {"market_value": "value"}
    return {
        named.get(column, column): value
        for column, value in held.items()
        if column not in ("account_name", "log_offset")
    }


def _situation(row: dict[str, Any]) -> Iterator[list[object]]:
    because = ""
    if row["trading_since"] is not None:
        since = moment(row["trading_since"])
        because = f" since {since} by {row['trading_by']}: {row['trading_reason']}"
    yield ["Status", row["trading_status"].lower() + because]
    if row["mode"] is not None:
        yield ["Mode", row["mode"].lower()]
    yield [
        "Log",
        f"as of offset {row['log_offset']}; last event of {moment(row['last_event_at'])}",
    ]
    yield ["Opened", moment(row["opened_at"])]
    if row["started_at"] is not None:
        yield ["Last run", f"{moment(row['started_at'])}, build {row['build']}"]
    ends = {end: row[f"{end}_count"] for end in _ENDS}
    yield ["Ends", ", ".join(f"{count:,} {end}" for end, count in ends.items())]
    yield ["Executed", f"{row['executions_on_exchange_day']} on {row['exchange_day']}"]
    yield ["Orders", f"{row['open_order_count']} open, {row['unresolved_order_count']} unresolved"]
    yield ["Incidents", f"{row['incident_count']}"]


def _money(row: dict[str, Any]) -> Iterator[list[object]]:
    yield ["Cash", dollars(row["cash"])]
    yield ["Equity", dollars(row["equity"])]
    yield [f"P&L of {row['exchange_day']}", dollars(row["day_pnl"])]
    yield ["Realised P&L", dollars(row["realised_pnl"])]
    yield ["Open P&L", dollars(row["open_pnl"])]
    yield ["Fees", dollars(row["fees"])]


def _limits(row: dict[str, Any]) -> Iterator[list[object]]:
    allowed = row["max_open_positions"]
    yield [
        "max_open_positions",
        f"{row['open_position_count']:,}",
        "-" if allowed is None else f"{allowed:,}",
    ]
    yield [
        "max_notional_exposure",
        dollars(row["exposure"]),
        _dollars(row["max_notional_exposure"]),
    ]
    yield ["  of it holdings at cost", dollars(row["held_cost"]), ""]
    yield ["  of it reserved by orders", dollars(row["reserved"]), ""]
    yield ["  its peak so far", dollars(row["peak_exposure"]), ""]


def _dollars(value: Any) -> str:  # noqa: ANN401 -- a decimal, or null
    return "-" if value is None else dollars(value)
