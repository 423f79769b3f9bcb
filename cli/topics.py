"""`dispatcher topics`: create what the configured accounts need, and check what is there."""

from typing import Annotated

import typer

from cli.context import settings_from
from cli.output import AsJson, Config, print_json, say
from consumers.errors import DifferenceFound
from consumers.settings import Settings
from consumers.topics_admin import apply_topics, check_topics
from events.identifiers import AccountName

app = typer.Typer(help="Create and check the topics.", no_args_is_help=True)


@app.command()
def apply(
    *,
    config: Config = None,
    replicas: Annotated[
        int | None, typer.Option(min=1, help="Copies of each record; else 3, or one per node.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create the topics that the configured accounts lack; existing ones stay as they are.

    Example: dispatcher topics apply --replicas 3
    """
    settings = settings_from(config)
    created = apply_topics(settings.kafka.cluster, _accounts(settings), replicas)
    if as_json:
        print_json({"created": created})
        return
    for name in created:
        say(f"created  {name}")
    if not created:
        say("Every topic is there.")


@app.command()
def check(*, config: Config = None, as_json: AsJson = False) -> None:
    """Look for a layout that would break a promise; exit code 6 if there is one.

    Example: dispatcher topics check
    """
    settings = settings_from(config)
    found = check_topics(
        settings.kafka.cluster,
        _accounts(settings),
        development=settings.kafka.environment == "development",
    )
    if as_json:
        print_json({"findings": found})
    else:
        for finding in found or ["Every topic is as it must be."]:
            say(finding)
    if found:
        raise DifferenceFound(f"{len(found)} findings about the topics: each one names its cure")


def _accounts(settings: Settings) -> list[AccountName]:
    return [account.account for account in settings.accounts.values()]
