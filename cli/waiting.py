"""`dispatcher projections wait`, and what makes a question to the tables wait for them."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cli.context import settings_from
from cli.output import AsJson, Config, print_json, progress, say
from cli.rebuilding import Name, wanted
from consumers.awaiting import WAIT_S, Awaited, await_tables
from consumers.projector.reading import committed_ends
from consumers.settings import Settings
from events.topics import log_of
from projections.checkpoints import Partition
from projections.projection import Projection


def wait(
    name: Name = None,
    *,
    account: Annotated[str | None, typer.Option(help="Only this account's log.")] = None,
    offset: Annotated[
        int | None,
        typer.Option(min=0, help="All before it; without it, all that is written by now."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait.")
    ] = WAIT_S,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Wait until the tables hold what was written, so that a query sees it.

    Commands that append say which offset to wait for.

    Exit code 7: not in time. Exit code 6: in time, but for what is parked.

    Example: dispatcher projections wait executions --account tiny --offset 120
    """
    settings = settings_from(config)
    projections = wanted(name)
    targets = _targets(settings, projections, account, offset)
    with progress("waiting for the tables") as bar:
        found = await_tables(
            settings.kafka.cluster,
            settings.postgres_dsn(),
            projections,
            targets,
            timeout,
            bar.show,
        )
    if as_json:
        print_json(found)
        return
    for line in _in_words(found):
        say(line)


def await_account(
    settings: Settings, projection: Projection, account: str | None, offset: int | None
) -> None:
    """Wait until a projection holds an account's log before `offset`; None waits for nothing.

    Raises:
        typer.BadParameter: No account is named.
        DispatcherError: See `await_tables`.
    """
    if offset is None:
        return
    if account is None:
        raise typer.BadParameter(
            f"--at-least {offset}: an offset is of one account's log: say whose with --account"
        )
    place = (log_of(settings.account(account).account).name, 0)
    with progress("waiting for the tables") as bar:
        await_tables(
            settings.kafka.cluster,
            settings.postgres_dsn(),
            [projection],
            {place: offset},
            on_progress=bar.show,
        )


def _targets(
    settings: Settings, projections: Sequence[Projection], account: str | None, offset: int | None
) -> dict[Partition, int]:
    if account is not None:
        topic = log_of(settings.account(account).account).name
        if not any(projection.reads(topic) for projection in projections):
            names = ", ".join(projection.name for projection in projections)
            raise typer.BadParameter(f"{names} reads no account's log: leave --account out")
        if offset is not None:
            return {(topic, 0): offset}
        ends = committed_ends(settings.kafka.cluster, projections)
        return {place: end for place, end in ends.items() if place[0] == topic}
    if offset is None:
        return committed_ends(settings.kafka.cluster, projections)
    topics = {topic for projection in projections for topic in projection.topics}
    if len(topics) == 1 and not any(projection.reads_logs for projection in projections):
        return {(topics.pop(), 0): offset}
    raise typer.BadParameter(f"--offset {offset} is of one account's log: say whose with --account")


def _in_words(found: list[Awaited]) -> list[str]:
    by_place: dict[tuple[str, int], list[str]] = {}
    for one in found:
        if not one.offset:
            continue  # an empty topic
        by_place.setdefault((one.topic, one.offset), []).append(one.projection)
    return [
        f"{topic} before offset {offset} is in the tables of {', '.join(names)}."
        for (topic, offset), names in sorted(by_place.items())
    ] or ["There is nothing to wait for: nothing is written yet."]
