"""`dispatcher executions`: what was executed, from the projected tables or from the logs."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from cli.context import checked_codec, settings_from
from cli.output import (
    AsJson,
    AtLeast,
    Config,
    Limit,
    dollars,
    moment,
    print_json,
    print_table,
    progress,
    say,
)
from cli.periods import AsOf, as_of_in_words, point_of_logs
from cli.waiting import await_account
from consumers.executions_as_of import executions_as_of
from consumers.settings import Settings
from consumers.settings_account import AccountSettings
from consumers.tables import executions
from projections.executions import EXECUTIONS

app = typer.Typer(help="List what was executed.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("list")
def list_(
    *,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    limit: Limit = 20,
    as_of: AsOf = None,
    at_least: AtLeast = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List executions, the newest first: one per recommendation and account.

    They come from the projected tables; with --as-of from the accounts' logs alone.

    Example: dispatcher executions list --account tiny --limit 50
    """
    if as_of is not None and at_least is not None:
        raise typer.BadParameter("the log waits for nothing: --at-least is about the tables")
    point = None if as_of is None else point_of_logs(as_of, account)
    settings = settings_from(config)
    await_account(settings, EXECUTIONS, account, at_least)
    wanted = list(settings.accounts.values()) if account is None else [settings.account(account)]
    notes: list[str] = []
    nothing = "Nothing was executed, or no projection has told it to the tables yet."
    if point is None:
        found = executions(settings.postgres_dsn(), account, limit)
    else:
        found, notes = _as_of(settings, wanted, point, limit)
        nothing = "Nothing had been executed."
    if as_json:
        print_json(found)
        return
    for note in notes:
        say(note)
    if not found:
        say(nothing)
        return
    print_table(
        [
            "First fill (UTC)",
            "Account",
            ("Id", "right"),
            "Ticker",
            "Action",
            ("Qty", "right"),
            ("Price", "right"),
        ],
        (
            [
                moment(one["simulated_ts"])[:16],
                one["account_name"],
                one["recommendation_id"],
                one["ticker"],
                one["action"],
                one["qty"],
                dollars(one["entry_price"] or Decimal(0)),
            ]
            for one in found
        ),
    )


def _as_of(
    settings: Settings, accounts: list[AccountSettings], point: int | datetime, limit: int
) -> tuple[list[dict[str, Any]], list[str]]:
    codec = checked_codec(settings)
    rows: list[dict[str, Any]] = []
    notes = []
    for one in accounts:
        with progress(f"reading the log of {one.name}") as bar:
            told = executions_as_of(settings.kafka.cluster, one.account, codec, point, bar.show)
        notes.append(as_of_in_words(one.name, None if told is None else told.log_offset))
        rows += [] if told is None else told.rows
    rows.sort(key=lambda row: str(row["account_name"]))
    rows.sort(key=lambda row: (row["simulated_ts"], row["recommendation_id"]), reverse=True)
    return rows[:limit], notes
