"""`dispatcher accounts`: run one; list and show them as their own logs tell."""

import os
from typing import Annotated

import typer

from accounts.state import AccountState
from cli.account_view import account_as_json, print_account
from cli.context import checked_codec, service_settings, settings_from
from cli.output import AsJson, Config, Logs, dollars, print_json, print_table, say
from cli.what_if import what_if
from consumers.account_states import folded
from consumers.dispatcher.process import run_dispatcher
from consumers.errors import ConfigurationError
from consumers.health import Heartbeat, health_file
from consumers.settings import AccountSettings

app = typer.Typer(help="Run accounts; list and show them from their logs.", no_args_is_help=True)

app.command("what-if")(what_if)

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
    """List the configured accounts, each with its status from its own log.

    Example: dispatcher accounts list
    """
    settings = settings_from(config)
    codec = checked_codec(settings)
    seen: list[tuple[AccountSettings, AccountState | None, str]] = []
    for account in settings.accounts.values():
        try:
            seen.append((account, folded(settings, account.account, codec), ""))
        except ConfigurationError as error:  # one damaged log must not hide the other accounts
            seen.append((account, None, str(error)))
    if as_json:
        print_json(
            [
                {"name": account.name, **account_as_json(account, state), "fault": fault or None}
                for account, state, fault in seen
            ]
        )
        return
    print_table(
        [
            "Account",
            "Mode",
            "Status",
            ("Open", "right"),
            ("Exposure", "right"),
            ("of at most", "right"),
            ("Decided", "right"),
        ],
        (
            [
                account.name,
                account.mode.lower(),
                "unreadable" if fault else _status(state),
                "-" if state is None else state.open_position_count,
                "-" if state is None else dollars(state.exposure),
                dollars(account.limits().max_notional_exposure),
                "-" if state is None else len(state.decided),
            ]
            for account, state, fault in seen
        ),
    )
    for account, _, fault in seen:
        if fault:
            say(f"{account.name}: {fault}")


@app.command()
def show(name: Name, *, config: Config = None, as_json: AsJson = False) -> None:
    """Show an account as its own log tells it: holdings, orders, exposure, ends.

    Example: dispatcher accounts show tiny --json
    """
    settings = settings_from(config)
    account = settings.account(name)
    state = folded(settings, account.account, checked_codec(settings))
    if as_json:
        print_json({"name": account.name, **account_as_json(account, state)})
        return
    print_account(account, state)


def _status(state: AccountState | None) -> str:
    if state is None or state.opened is None:
        return "never run"
    return state.trading.status.lower()
