"""`dispatcher positions`: what accounts hold, as their own logs tell it."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from accounts.state import AccountState
from cli.account_json import position_as_json
from cli.account_tables import positions_from_tables
from cli.context import checked_codec, settings_from
from cli.output import (
    AsJson,
    AtLeast,
    Config,
    FromTables,
    dollars,
    print_json,
    print_table,
    progress,
    say,
    snapshot_note,
)
from cli.periods import AsOf, as_of_in_words, point_of_logs
from cli.waiting import await_account
from consumers.account_states import Folded, folded_to_end
from consumers.as_of import account_as_of
from consumers.settings import Settings
from events.codec import Codec
from events.identifiers import AccountName
from projections.accounts import ACCOUNTS

app = typer.Typer(help="List what accounts hold.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("list")
def list_(
    *,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    as_of: AsOf = None,
    tables: FromTables = False,
    at_least: AtLeast = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List holdings from the accounts' own logs, at the prices that these saw last.

    Example: dispatcher positions list --account tiny
    """
    if tables and as_of is not None:
        raise typer.BadParameter("the tables have no past: --as-of reads the log")
    if at_least is not None and not tables:
        raise typer.BadParameter("the log waits for nothing: --at-least goes with --tables")
    point = None if as_of is None else point_of_logs(as_of, account)
    settings = settings_from(config)
    await_account(settings, ACCOUNTS, account, at_least)
    wanted = settings.accounts.values() if account is None else [settings.account(account)]
    notes: list[str] = []
    if tables:
        found, notes = positions_from_tables(settings, wanted)
    else:
        found = []
        codec = checked_codec(settings)
        for one in wanted:
            folded = _folded(settings, one.account, codec, point)
            if point is not None:
                notes.append(
                    as_of_in_words(one.name, None if folded is None else folded.log_offset)
                )
            if folded is not None:
                found += _told(one.name, folded.state)
    if as_json:
        print_json(found)
        return
    for note in notes:
        say(note)
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


def _folded(
    settings: Settings, account: AccountName, codec: Codec, point: int | datetime | None
) -> Folded | None:
    with progress(f"reading the log of {account}") as bar:
        if point is not None:
            return account_as_of(settings.kafka.cluster, account, codec, point, bar.show)
        return folded_to_end(
            settings,
            account,
            codec,
            on_progress=bar.show,
            on_ignored=snapshot_note(account),
        )


def _told(account: str, state: AccountState) -> list[dict[str, Any]]:
    held = sorted(state.positions.values(), key=lambda one: one.symbol)
    return [{"account_name": account, **position_as_json(state, one)} for one in held]


def _dollars(value: Decimal | None) -> str:
    return "-" if value is None else dollars(value)
