"""`dispatcher projections`: run them, see how far they are, and mend what they parked."""

import os
from typing import Annotated
from uuid import uuid4

import typer

from cli.context import checked_codec, service_settings, settings_from
from cli.output import AsJson, Config, Logs, print_json, print_table, say
from cli.parked import app as parked_app
from cli.rebuilding import rebuild, verify
from cli.waiting import wait
from consumers.clock import SystemClock
from consumers.dispatcher.process import stop_on_signals
from consumers.doctor.finding import age
from consumers.freshness import standings
from consumers.health import Heartbeat, health_file
from consumers.logs import bind_run
from consumers.projector.run import run_projector
from consumers.projector.settings import ProjectorSettings
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
    log_format: Logs = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Keep the tables up to date until it is stopped; log lines go to stderr.

    Example: dispatcher projections run --until-caught-up
    """
    settings = service_settings(config, log_format)
    codec = checked_codec(settings)
    projector = ProjectorSettings(
        cluster=settings.kafka.cluster, postgres_dsn=settings.postgres_dsn(), build=build()
    )
    bind_run(uuid4())
    heartbeat = Heartbeat(health_file(os.environ))
    heartbeat.beat()
    result = run_projector(
        projector,
        codec,
        stop=stop_on_signals(),
        until_caught_up=until_caught_up,
        on_progress=lambda _: heartbeat.beat(),
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
    """Show how far each projection is behind its topics, in records and in time; what is parked.

    Behind counts committed records; the lag is the age of the oldest that is not in the tables.

    Example: dispatcher projections status --json
    """
    settings = settings_from(config)
    found = standings(
        settings.kafka.cluster,
        settings.postgres_dsn(),
        PROJECTIONS,
        SystemClock().now().timestamp(),
    )
    if as_json:
        print_json(found)
        return
    print_table(
        [
            "Projection",
            "Topic",
            ("Next", "right"),
            ("Behind", "right"),
            ("Lag", "right"),
            ("Parked", "right"),
        ],
        (
            [
                one.projection,
                one.topic,
                one.next_offset,
                one.behind if one.behind_is_exact else f"<={one.behind}",
                age(one.lag_seconds),
                one.parked,
            ]
            for one in found
        ),
    )


app.command()(verify)
app.command()(wait)
app.command()(rebuild)
