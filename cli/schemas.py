"""`dispatcher schemas`: register the events' schemas, and check those that are registered."""

import typer

from cli.context import settings_from
from cli.output import AsJson, Config, print_json, print_table, say
from consumers.errors import DifferenceFound
from consumers.registry import RegistrySchemaSource, schema_findings
from consumers.registry import register as register_all
from events.catalog import EVENTS

app = typer.Typer(help="Register and check the events' schemas.", no_args_is_help=True)


@app.command()
def register(*, config: Config = None, as_json: AsJson = False) -> None:
    """Register each event type's schema; exit code 6 if one cannot follow its versions.

    Example: dispatcher schemas register
    """
    done = register_all(settings_from(config).registry.url)
    if as_json:
        print_json(done)
        return
    print_table(
        ["Subject", ("Id", "right"), ("Version", "right"), ""],
        ([one.subject, one.schema_id, one.version, "new" if one.new else ""] for one in done),
    )


@app.command()
def check(*, config: Config = None, as_json: AsJson = False) -> None:
    """Hold the registered schemas against this build's; exit code 6 if one differs.

    Example: dispatcher schemas check --json
    """
    source = RegistrySchemaSource(settings_from(config).registry.url)
    found = schema_findings(source)
    if as_json:
        print_json({"checked": len(EVENTS), "findings": found})
    else:
        for finding in found or [
            f"All {len(EVENTS)} schemas are registered as this build has them."
        ]:
            say(finding)
    if found:
        raise DifferenceFound(f"{len(found)} of {len(EVENTS)} schemas are not this build's")
