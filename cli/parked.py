"""`dispatcher projections parked`: events that could not become rows, and those behind them."""

import getpass
from typing import Annotated

import typer

from cli.context import checked_codec, settings_from
from cli.output import AsJson, Config, print_json, print_table, say
from consumers.clock import SystemClock
from consumers.errors import DifferenceFound, NotFoundError
from consumers.projector.past import LogPast
from consumers.projector.recorder import ProjectionRecorder
from consumers.settings import Settings
from consumers.version import build
from projections.catalog import projection_named
from projections.parked import ParkedEvent, ParkedQueue, list_parked, show_parked
from projections.projection import Projection
from projections.retry import Retry
from projections.session import Session

app = typer.Typer(help="Events that could not become rows.", no_args_is_help=True)

ProjectionName = Annotated[str, typer.Argument(metavar="PROJECTION")]
Topic = Annotated[str, typer.Argument(metavar="TOPIC")]


@app.command("list")
def list_(*, config: Config = None, as_json: AsJson = False) -> None:
    """List what waits, by projection and topic, with the failure at the head.

    Example: dispatcher projections parked list
    """
    found = _queues(settings_from(config))
    if as_json:
        print_json(found)
        return
    if not found:
        say("Nothing is parked.")
        return
    print_table(
        ["Projection", "Topic", ("Events", "right"), ("From", "right"), "Error"],
        ([one.projection, one.topic, one.events, one.first_offset, one.error] for one in found),
    )


@app.command()
def show(
    projection: ProjectionName, topic: Topic, *, config: Config = None, as_json: AsJson = False
) -> None:
    """Show every event of a topic that waits in a projection.

    Example: dispatcher projections parked show executions dispatch.events.tiny
    """
    settings = settings_from(config)
    name = _known(projection).name
    found = _events(settings, name, topic)
    if not found:
        raise NotFoundError(
            f"nothing of {topic} is parked in {name}: see `dispatcher projections parked list`"
        )
    if as_json:
        print_json(
            [
                {
                    "offset": one.origin.offset,
                    "event_type": one.event_type,
                    "failed": one.failed,
                    "sqlstate": one.sqlstate,
                    "error": one.error,
                    "value": None if one.value is None else one.value.hex(),
                }
                for one in found
            ]
        )
        return
    print_table(
        [("Offset", "right"), "Event", "Error"],
        (
            [one.origin.offset, one.event_type, one.error if one.failed else "waits"]
            for one in found
        ),
    )


@app.command()
def retry(
    projection: ProjectionName, topic: Topic, *, config: Config = None, as_json: AsJson = False
) -> None:
    """Try what waits again, in order; exit code 6 if something still cannot be applied.

    Example: dispatcher projections parked retry executions dispatch.events.tiny
    """
    settings = settings_from(config)
    wanted = _known(projection)
    codec = checked_codec(settings)
    session = Session(settings.postgres_dsn(), application_name="dispatcher-retry")
    recorder = ProjectionRecorder(settings.kafka.cluster, codec)
    try:
        result = Retry(
            session=session,
            codec=codec,
            record_failure=recorder,
            record_settlement=recorder,
            now=SystemClock().now,
            by=getpass.getuser(),
            build=build(),
            past=LogPast(settings.kafka.cluster, codec),
        )(wanted, topic)
    finally:
        session.close()
    if as_json:
        print_json(result)
    else:
        say(f"{result.applied} applied, {result.waiting} still wait.")
    if result.stopped_at is not None:
        raise DifferenceFound(
            f"{topic} offset {result.stopped_at.offset} still cannot be applied to {wanted.name}: "
            f"{result.error}"
        )


def _known(name: str) -> Projection:
    try:
        return projection_named(name)
    except KeyError as error:
        raise NotFoundError(str(error.args[0])) from None


def _queues(settings: Settings) -> list[ParkedQueue]:
    session = Session(settings.postgres_dsn(), application_name="dispatcher-parked")
    try:
        return list_parked(session.connection())
    finally:
        session.close()


def _events(settings: Settings, projection: str, topic: str) -> list[ParkedEvent]:
    session = Session(settings.postgres_dsn(), application_name="dispatcher-parked")
    try:
        return show_parked(session.connection(), projection, topic)
    finally:
        session.close()
