"""`dispatcher projections parked`: events that could not become rows, and those behind them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from cli.context import checked_codec, settings_from
from cli.output import AsJson, Config, print_json, print_table, say
from cli.who import who
from consumers.clock import SystemClock
from consumers.errors import DifferenceFound, NotFoundError
from consumers.projector.keeping import keeping_by
from consumers.projector.past import LogPast
from consumers.projector.recorder import ProjectionRecorder
from consumers.settings import Settings
from consumers.version import build
from events.codec import Codec
from events.identifiers import account_name
from events.topics import log_of
from projections.catalog import PROJECTIONS, projection_named
from projections.kept import KeptFolds
from projections.parked import ParkedEvent, ParkedQueue, list_parked, show_parked
from projections.projection import Projection
from projections.retry import Retried, Retry
from projections.session import Session
from projections.skip import NotAtTheHead, Skip

app = typer.Typer(help="Events that could not become rows.", no_args_is_help=True)

ProjectionName = Annotated[
    str, typer.Argument(metavar="PROJECTION", help="As `parked list` names it.")
]


def topic_of(text: str) -> str:
    """Return the topic that `text` names: an account's log by the account, any other by itself.

    An account never has a dot in its name. One that is called as a topic is has its log named in
    full.

    Raises:
        typer.BadParameter: It is neither.
    """
    if "." in text or any(text in projection.topics for projection in PROJECTIONS):
        return text
    try:
        return log_of(account_name(text)).name
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Where = Annotated[
    str,
    typer.Argument(
        metavar="ACCOUNT|TOPIC",
        help="Whose events, as `parked list` names it.",
        parser=topic_of,
    ),
]


@app.command("list")
def list_(*, config: Config = None, as_json: AsJson = False) -> None:
    """List what waits, by projection and account: from which offset to which, why, since when.

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
        [
            "Projection",
            "Account",
            ("Events", "right"),
            ("From", "right"),
            ("To", "right"),
            "Since",
        ],
        (
            [
                one.projection,
                one.account_name or one.topic,
                one.events,
                one.first_offset,
                one.last_offset,
                one.failed_at,
            ]
            for one in found
        ),
    )
    say()
    for one in found:
        where = f"{one.projection}, {one.account_name or one.topic}, offset {one.first_offset}"
        say(f"{where}: {one.error or 'waits for a retry'}")


@app.command()
def show(
    projection: ProjectionName, topic: Where, *, config: Config = None, as_json: AsJson = False
) -> None:
    """Show every event of an account that waits in a projection.

    Example: dispatcher projections parked show executions tiny
    """
    settings = settings_from(config)
    name = _known(projection).name
    found = _events(settings, name, topic)
    if not found:
        raise _nothing_parked(name, topic)
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
    projection: ProjectionName, topic: Where, *, config: Config = None, as_json: AsJson = False
) -> None:
    """Try what waits again, in order; exit code 6 if something still cannot be applied.

    Exit code 5 if nothing waits there.

    Example: dispatcher projections parked retry executions tiny
    """
    settings = settings_from(config)
    wanted = _known(projection)
    with _mending(settings, "dispatcher-retry") as (session, codec, recorder):
        result = _retried(settings, session, codec, recorder)(wanted, topic)
    if not result.applied and result.stopped_at is None:
        raise _nothing_parked(wanted.name, topic)
    if as_json:
        print_json(result)
    else:
        say(f"{result.applied} applied, {result.waiting} still wait.")
    _complain(result, wanted, topic)


@app.command()
def skip(
    projection: ProjectionName,
    topic: Where,
    offset: Annotated[
        int, typer.Argument(metavar="OFFSET", min=0, help="Of the event at the head.")
    ],
    *,
    reason: Annotated[str, typer.Option(help="Why its rows may be missing for ever.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Leave out the event that an account stands still at, for good; then retry what is behind it.

    Rebuilds leave it out as well. Exit code 6 if something behind it cannot be applied either.

    Example: dispatcher projections parked skip executions tiny 41 --reason "…"
    """
    if not reason.strip():
        raise typer.BadParameter("it is empty: whoever looks for the rows will ask why")
    settings = settings_from(config)
    wanted = _known(projection)
    with _mending(settings, "dispatcher-skip") as (session, codec, recorder):
        leave_out = Skip(
            session=session,
            record_settlement=recorder,
            now=SystemClock().now,
            by=who(),
        )
        try:
            skipped = leave_out(wanted, topic, offset, reason)
        except NotAtTheHead as error:
            raise NotFoundError(f"{error}: see `dispatcher projections parked list`") from None
        result = _retried(settings, session, codec, recorder)(wanted, topic)
    if as_json:
        print_json({"skipped": skipped.offset, **asdict(result)})
    else:
        say(f"1 skipped, {result.applied} applied, {result.waiting} still wait.")
    _complain(result, wanted, topic)


@contextmanager
def _mending(settings: Settings, name: str) -> Iterator[tuple[Session, Codec, ProjectionRecorder]]:
    codec = checked_codec(settings)
    session = Session(settings.postgres_dsn(), application_name=name)
    try:
        yield session, codec, ProjectionRecorder(settings.kafka.cluster, codec)
    finally:
        session.close()


def _retried(
    settings: Settings, session: Session, codec: Codec, recorder: ProjectionRecorder
) -> Retry:
    return Retry(
        session=session,
        codec=codec,
        record_failure=recorder,
        record_settlement=recorder,
        now=SystemClock().now,
        by=who(),
        build=build(),
        past=LogPast(settings.kafka.cluster, codec),
        kept=partial(KeptFolds, session=session, keeping=keeping_by()),
    )


def _complain(result: Retried, projection: Projection, topic: str) -> None:
    if result.stopped_at is not None:
        raise DifferenceFound(
            f"{topic} offset {result.stopped_at.offset} still cannot be applied to "
            f"{projection.name}: {result.error}"
        )


def _nothing_parked(projection: str, topic: str) -> NotFoundError:
    return NotFoundError(
        f"nothing of {topic} is parked in {projection}: see `dispatcher projections parked list`"
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
