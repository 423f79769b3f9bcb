"""`dispatcher projections rebuild` and `verify`: tables told anew, tables held against the log."""

import os
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from cli.context import checked_codec, settings_from
from cli.output import AsJson, Config, plain, print_json, print_table, say
from cli.periods import point_of_logs
from cli.phases import phases
from cli.who import who
from consumers.clock import SystemClock
from consumers.errors import DifferenceFound, NotFoundError
from consumers.projector.building import RebuildSettings
from consumers.projector.rebuild import discard as discard_rebuild
from consumers.projector.rebuild import rebuild as rebuild_tables
from consumers.projector.spreading import Workers
from consumers.projector.verify import verify as verify_tables
from consumers.projector.verify_case import Verified
from consumers.projector.verify_scope import Scope
from consumers.version import build
from projections.catalog import PROJECTIONS, projection_named
from projections.projection import Projection
from projections.verify.compare import Difference, Kind

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="PROJECTION", help="One projection; without it, all.", show_default=False
    ),
]

Processes = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="So many processes read the logs; as it comes, one per core."
    ),
]

_TOLD_MAX: Final = 20


def rebuild(
    name: Name = None,
    *,
    processes: Processes = None,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Start from nothing, even if an interrupted one left a part."),
    ] = False,
    discard: Annotated[
        bool,
        typer.Option("--discard", help="Only drop what an interrupted rebuild left."),
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell the tables anew from the first offset on, beside the live ones, then swap.

    Readers notice nothing, and a running projector goes on.

    It refuses to swap if it would park more than is parked now.

    After an interruption the same command goes on with what is there.

    Example: dispatcher projections rebuild executions --processes 2
    """
    settings = settings_from(config)
    projections = wanted(name)
    if discard:
        _discard(settings.postgres_dsn(), projections, as_json=as_json)
        return
    codec = checked_codec(settings)
    with phases("Rebuilding") as show:
        done = rebuild_tables(
            RebuildSettings(
                cluster=settings.kafka.cluster,
                postgres_dsn=settings.postgres_dsn(),
                build=build(),
                by=who(),
                now=SystemClock().now,
                registry_url=settings.registry.url,
                processes=processes or _cores(),
                anew=anew,
            ),
            codec,
            projections,
            show,
        )
    if as_json:
        print_json(done)
        return
    print_table(
        [
            "Projection",
            ("Offsets", "right"),
            ("Kept", "right"),
            ("Rows changed", "right"),
            ("Parked", "right"),
            ("Cleared", "right"),
            ("Swap ms", "right"),
        ],
        (
            [
                one.projection,
                one.records,
                one.kept,
                one.rows_changed,
                one.parked,
                one.parked_cleared,
                f"{one.swap_ms:.0f}",
            ]
            for one in done
        ),
    )


def verify(
    name: Name = None,
    *,
    account: Annotated[
        str | None, typer.Option(help="Only this account's log, and rows that come of it.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|OFFSET", help="Only what was advised, decided or recorded since."
        ),
    ] = None,
    processes: Processes = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Hold the tables against the log, field by field; exit code 6 if a row differs.

    With --since only the end of the log is read: older rows, what an account comes to in all
    (projection accounts), and rows that no event stands behind are not looked at then.

    The logs are spread over processes, each in the same snapshot of the tables.

    Example: dispatcher projections verify --account tiny --since 2026-03-02T09:30:00-05:00
    """
    point = None if since is None else point_of_logs(since, account, "--since")
    settings = settings_from(config)
    projections = wanted(name)
    scope = Scope(
        account=None if account is None else settings.account(account).account, since=point
    )
    codec = checked_codec(settings)
    with phases("Verifying") as show:
        found = verify_tables(
            settings.kafka.cluster,
            codec,
            settings.postgres_dsn(),
            projections,
            show,
            scope=scope,
            workers=Workers(registry_url=settings.registry.url, processes=processes or _cores()),
        )
    if as_json:
        print_json(found)
    else:
        _tell(found)
    differing = [one for one in found if one.differences]
    if differing:
        count = sum(len(one.differences) for one in differing)
        names = ", ".join(one.projection for one in differing)
        raise DifferenceFound(
            f"{count} {'row differs' if count == 1 else 'rows differ'} from the log, in {names}: "
            "`dispatcher projections rebuild` tells them anew"
        )


def in_words(difference: Difference) -> list[str]:
    """Return a difference as lines: whose row, and field by field what is wrong."""
    key = ", ".join(f"{column}={plain(value)}" for column, value in difference.key.items())
    row = f"{difference.table} ({key})"
    match difference.kind:
        case Kind.MISSING:
            return [f"{row}: missing; the log has it"]
        case Kind.SURPLUS:
            return [f"{row}: no event stands behind it"]
        case Kind.DIFFERENT:
            return [
                f"{row}: {one.column} is {plain(one.table)}, the log says {plain(one.log)}"
                for one in difference.fields
            ]


def _tell(found: Sequence[Verified]) -> None:
    print_table(
        [
            "Projection",
            ("Events", "right"),
            ("Rows", "right"),
            ("Parked", "right"),
            ("Differing", "right"),
        ],
        ([one.projection, one.events, one.rows, one.parked, len(one.differences)] for one in found),
    )
    lines = [line for one in found for row in one.differences for line in in_words(row)]
    if lines:
        say()
    for line in lines[:_TOLD_MAX]:
        say(line)
    if len(lines) > _TOLD_MAX:
        say(f"… and {len(lines) - _TOLD_MAX} more: see --json.")


def _cores() -> int:
    return os.cpu_count() or 1


def _discard(dsn: str, projections: Sequence[Projection], *, as_json: bool) -> None:
    dropped = [projection.name for projection in projections if discard_rebuild(dsn, projection)]
    if as_json:
        print_json(dropped)
    else:
        say(f"Dropped what was left of: {', '.join(dropped) or 'nothing'}.")


def wanted(name: str | None) -> Sequence[Projection]:
    """Return the projection called `name`, or all of them.

    Raises:
        NotFoundError: There is none of that name.
    """
    if name is None:
        return PROJECTIONS
    try:
        return [projection_named(name)]
    except KeyError as error:
        raise NotFoundError(str(error.args[0])) from None
