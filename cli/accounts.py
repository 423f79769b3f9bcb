"""`dispatcher accounts`: run one; list and show them as their own logs tell."""

import os
from typing import Annotated

import typer

from cli.account_json import account_as_json
from cli.account_list import print_accounts
from cli.account_view import print_account
from cli.commanding import commands
from cli.context import checked_codec, service_settings, settings_from
from cli.output import (
    AsJson,
    AtLeast,
    Config,
    FromTables,
    Logs,
    print_json,
    progress,
    say,
    snapshot_note,
)
from cli.periods import AsOf, point_of_log
from cli.what_if import what_if
from consumers.account_facts import AccountFacts, account_facts
from consumers.dispatcher.process import run_dispatcher
from consumers.errors import ConfigurationError
from consumers.health import Heartbeat, health_file
from consumers.settings_account import AccountSettings

app = typer.Typer(help="Run accounts; list and show them from their logs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account, as it is configured.")]


@app.command()
def run(
    name: Name,
    *,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End when all published by now is settled.")
    ] = False,
    log_format: Logs = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Run an account's dispatcher until it is stopped; log lines go to stderr.

    Example: dispatcher accounts run large-default
    """
    counts = run_dispatcher(
        service_settings(config, log_format),
        name,
        until_caught_up=until_caught_up,
        heartbeat=Heartbeat(health_file(os.environ)),
    )
    if as_json:
        print_json(counts)
        return
    say(
        f"{name}: {counts.recommendations_read} recommendations read, {counts.intended} ordered, "
        f"{counts.declined} declined, {counts.failed} failed."
    )


@app.command("list")
def list_(*, config: Config = None, as_json: AsJson = False) -> None:
    """List the configured accounts, each with what its own log and Kafka tell.

    Example: dispatcher accounts list
    """
    settings = settings_from(config)
    codec = checked_codec(settings)
    seen: list[tuple[AccountSettings, AccountFacts | None, str]] = []
    for account in settings.accounts.values():
        try:
            with progress(f"reading the log of {account.name}") as bar:
                facts = account_facts(
                    settings,
                    account,
                    codec,
                    on_progress=bar.show,
                    on_ignored=snapshot_note(account.name),
                )
            seen.append((account, facts, ""))
        except ConfigurationError as error:  # one damaged log must not hide the other accounts
            seen.append((account, None, str(error)))
    if as_json:
        print_json(
            [
                {"name": account.name, "log": None, "fault": fault}
                if facts is None
                else {**account_as_json(facts), "fault": None}
                for account, facts, fault in seen
            ]
        )
        return
    print_accounts(seen)


@app.command()
def show(
    name: Name,
    *,
    as_of: AsOf = None,
    tables: FromTables = False,
    at_least: AtLeast = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show an account as its own log tells it, now or as it was: what it may do and what it has.

    Example: dispatcher accounts show tiny --as-of 2022-06-30T16:00:00-04:00
    """
    point, settings = None if as_of is None else point_of_log(as_of), settings_from(config)
    account = settings.account(name)
    if at_least is not None and not tables:
        raise typer.BadParameter("the log waits for nothing: --at-least goes with --tables")
    if tables:
        if point is not None:
            raise typer.BadParameter("the tables have no past: --as-of reads the log")
        from cli.account_tables import show_from_tables  # noqa: PLC0415 -- a dispatcher loads no PostgreSQL
        from cli.waiting import await_account  # noqa: PLC0415 -- as above
        from projections.accounts import ACCOUNTS  # noqa: PLC0415 -- as above

        await_account(settings, ACCOUNTS, name, at_least)
        show_from_tables(settings, account, as_json=as_json)
        return
    codec = checked_codec(settings)
    with progress(f"reading the log of {name}") as bar:
        facts = account_facts(
            settings,
            account,
            codec,
            as_of=point,
            on_progress=bar.show,
            on_ignored=snapshot_note(name),
        )
    if as_json:
        print_json(account_as_json(facts))
        return
    print_account(facts)


# --help lists them in this order: what an operator wants most comes first.
commands(app)
app.command("what-if")(what_if)
