"""`dispatcher projections`: run them, see how far they are, and mend what they parked."""

from typing import Annotated

import typer

from cli.context import checked_codec, settings_from
from cli.output import AsJson, Config, print_json, print_table, say
from cli.parked import app as parked_app
from consumers.dispatcher.process import stop_on_signals
from consumers.projector.reading import committed_ends
from consumers.projector.run import run_projector
from consumers.projector.settings import ProjectorSettings
from consumers.tables import checkpoints
from consumers.version import build
from projections.catalog import PROJECTIONS

app = typer.Typer(help="Run projections; see how far they are.", no_args_is_help=True)
app.add_typer(parked_app, name="parked")


@app.command()
def run(
    *,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End when all written by now is in tables.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Keep the tables up to date until it is stopped; log lines go to stderr as JSON.

    Example: dispatcher projections run --until-caught-up
    """
    settings = settings_from(config, service=True)
    codec = checked_codec(settings)
    projector = ProjectorSettings(
        cluster=settings.kafka.cluster, postgres_dsn=settings.postgres_dsn(), build=build()
    )
    result = run_projector(
        projector, codec, stop=stop_on_signals(), until_caught_up=until_caught_up
    )
    if as_json:
        print_json(result)
        return
    done = result.progress
    say(
        f"{done.records} records read, {done.applied} rows applied, {done.failed} parked, "
        f"{done.waiting} waiting behind those."
    )


@app.command()
def status(*, config: Config = None, as_json: AsJson = False) -> None:
    """Show each projection's checkpoint against the end of its topic, and what is parked.

    Example: dispatcher projections status --json
    """
    settings = settings_from(config)
    found = {
        (row["projection"], row["topic"], row["partition"]): row
        for row in checkpoints(settings.postgres_dsn())
    }
    at_end = committed_ends(settings.kafka.cluster, PROJECTIONS)
    rows = []
    for projection in PROJECTIONS:
        for (topic, partition), end in sorted(at_end.items()):
            if projection.reads(topic):
                row = found.get((projection.name, topic, partition), {})
                next_offset = row.get("next_offset")
                rows.append(
                    {
                        "projection": projection.name,
                        "topic": topic,
                        "partition": partition,
                        "next_offset": next_offset,
                        "end_offset": end,
                        "behind": max(0, end - (next_offset or 0)),
                        "parked": row.get("parked", 0),
                    }
                )
    if as_json:
        print_json(rows)
        return
    print_table(
        ["Projection", "Topic", ("Next", "right"), ("Behind", "right"), ("Parked", "right")],
        (
            [one["projection"], one["topic"], one["next_offset"], one["behind"], one["parked"]]
            for one in rows
        ),
    )
