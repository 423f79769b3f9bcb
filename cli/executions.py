"""`dispatcher executions`: what was executed, from the projected tables."""

from decimal import Decimal
from typing import Annotated

import typer

from cli.context import settings_from
from cli.output import AsJson, Config, Limit, dollars, moment, print_json, print_table, say
from consumers.tables import executions

app = typer.Typer(help="List what was executed.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("list")
def list_(
    *,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    limit: Limit = 20,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List executions, the newest first: one per recommendation and account.

    Example: dispatcher executions list --account tiny --limit 50
    """
    settings = settings_from(config)
    if account is not None:
        settings.account(account)
    found = executions(settings.postgres_dsn(), account, limit)
    if as_json:
        print_json(found)
        return
    if not found:
        say("Nothing was executed, or no projection has told it to the tables yet.")
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
