"""`dispatcher failures`: what went wrong, from the projected tables."""

from textwrap import shorten
from typing import Annotated

import typer

from cli.context import settings_from
from cli.output import AsJson, Config, Limit, moment, print_json, print_table, say
from consumers.errors import BadInputError, NotFoundError
from consumers.tables import failures, failures_with_id

app = typer.Typer(help="List and show what went wrong.", no_args_is_help=True)

_ERROR_LENGTH_MAX = 140
_SHORT = 8


@app.command("list")
def list_(
    *,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    limit: Limit = 20,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List failures, the newest first.

    Example: dispatcher failures list --account tiny
    """
    settings = settings_from(config)
    if account is not None:
        settings.account(account)
    found = failures(settings.postgres_dsn(), account, limit)
    if as_json:
        print_json(found)
        return
    if not found:
        say("Nothing has failed, or no projection has told it to the tables yet.")
        return
    print_table(
        ["Event", "Time (UTC)", "Account", "About", "Error"],
        (
            [
                str(one["event_id"])[:_SHORT],
                moment(one["occurred_at"])[:16],
                one["account_name"],
                one["recommendation_id"] or one["projection"],
                shorten(one["error"], _ERROR_LENGTH_MAX, placeholder=" …"),
            ]
            for one in found
        ),
    )


@app.command()
def show(
    event: Annotated[
        str, typer.Argument(metavar="EVENT", help="The event's id, or how it starts.")
    ],
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one failure.

    Example: dispatcher failures show 3f2a9c1e
    """
    found = failures_with_id(settings_from(config).postgres_dsn(), event.lower())
    if not found:
        raise NotFoundError(
            f"no failure's event id starts with {event!r}: see `dispatcher failures list`"
        )
    if len(found) > 1:
        raise BadInputError(f"several failures' event ids start with {event!r}: give more of it")
    [one] = found
    if as_json:
        print_json(one)
        return
    print_table(
        ["What", "Value"], ([name, value] for name, value in one.items() if value is not None)
    )
