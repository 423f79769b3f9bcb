"""`dispatcher positions`: what accounts hold, as their own logs tell it."""

from decimal import Decimal
from typing import Annotated, Any

import typer

from accounts.state import AccountState, Position
from cli.account_json import position_as_json
from cli.account_tables import positions_from_tables
from cli.context import checked_codec, settings_from
from cli.output import (
    AsJson,
    Config,
    FromTables,
    dollars,
    print_json,
    print_table,
    progress,
    say,
    snapshot_note,
)
from consumers.account_states import folded
from consumers.settings import Settings
from events.codec import Codec
from events.identifiers import AccountName

app = typer.Typer(help="List what accounts hold.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("list")
def list_(
    *,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    tables: FromTables = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List holdings from the accounts' own logs, at the prices that these saw last.

    Example: dispatcher positions list --account tiny
    """
    settings = settings_from(config)
    wanted = settings.accounts.values() if account is None else [settings.account(account)]
    lags: list[str] = []
    if tables:
        found, lags = positions_from_tables(settings, wanted)
    else:
        codec = checked_codec(settings)
        found = [
            _told(one.name, state, held)
            for one in wanted
            if (state := _folded(settings, one.account, codec)) is not None
            for held in sorted(state.positions.values(), key=lambda held: held.symbol)
        ]
    if as_json:
        print_json(found)
        return
    for lag in lags:
        say(lag)
    if not found:
        say("Nothing is held.")
        return
    print_table(
        [
            "Account",
            "Holding",
            ("Qty", "right"),
            ("Avg price", "right"),
            ("Last", "right"),
            ("Cost", "right"),
            ("Open P&L", "right"),
        ],
        (
            [
                one["account_name"],
                one["symbol"],
                one["quantity"],
                dollars(one["average_price"]),
                _dollars(one["last_price"]),
                dollars(one["cost"]),
                _dollars(one["open_pnl"]),
            ]
            for one in found
        ),
    )


def _folded(settings: Settings, account: AccountName, codec: Codec) -> AccountState | None:
    with progress(f"reading the log of {account}") as bar:
        return folded(
            settings,
            account,
            codec,
            on_progress=bar.show,
            on_ignored=snapshot_note(account),
        )


def _told(account: str, state: AccountState, held: Position) -> dict[str, Any]:
    return {"account_name": account, **position_as_json(state, held)}


def _dollars(value: Decimal | None) -> str:
    return "-" if value is None else dollars(value)
