"""`dispatcher migrate`."""

import sys
from textwrap import fill
from typing import Annotated, Final

import typer

from cli.context import settings_from
from cli.output import AsJson, Config, moment, print_json, print_table, say
from consumers.errors import DifferenceFound
from migrations.apply import LOCK_WAIT_S, STATEMENT_TIMEOUT_S
from migrations.apply import migrate as apply
from migrations.apply import status as statuses
from migrations.ledger import MigrationState, MigrationStatus, require_unedited
from migrations.recreate import recreate_missing
from projections.catalog import PROJECTIONS

app = typer.Typer(add_completion=False)

_INDENT: Final = " " * 9


@app.command()
def migrate(  # noqa: PLR0913 -- the options of a command line
    *,
    plan: Annotated[
        bool, typer.Option("--plan", "--dry-run", help="Only name what would be applied, and why.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Only tell every migration and where it stands.")
    ] = False,
    recreate: Annotated[
        bool,
        typer.Option("--recreate-missing", help="Make tables again, empty, that somebody dropped."),
    ] = False,
    lock_wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to try for a lock.")
    ] = LOCK_WAIT_S,
    statement_timeout: Annotated[
        float, typer.Option(min=0.001, metavar="SECONDS", help="How long a statement may take.")
    ] = STATEMENT_TIMEOUT_S,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database to the newest migration; a second time changes nothing.

    A table that was dropped is not missed by it: its migration was applied. --recreate-missing
    makes it again, and `dispatcher projections rebuild` fills it from the log.

    Example: dispatcher migrate --plan
    """
    if plan + status + recreate > 1:
        raise typer.BadParameter("take one of --plan, --status and --recreate-missing")
    dsn = settings_from(config).postgres_dsn()
    if status:
        _tell_status(statuses(dsn), as_json=as_json)
    elif plan:
        found = statuses(dsn)
        require_unedited(found)
        _tell_plan(found, as_json=as_json)
    elif recreate:
        _tell_recreated(recreate_missing(dsn, lock_wait_s=lock_wait), as_json=as_json)
    else:
        names = apply(
            dsn,
            lock_wait_s=lock_wait,
            statement_timeout_s=statement_timeout,
            on_wait=lambda sentence: print(sentence, file=sys.stderr, flush=True),  # noqa: T201 -- progress belongs on stderr
        )
        _tell_applied(names, as_json=as_json)


def _tell_applied(names: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"applied": names})
        return
    for name in names:
        say(f"applied  {name}")
    if not names:
        say("The database has every migration.")


def _tell_recreated(names: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"recreated": names})
        return
    for name in names:
        say(f"made again, empty  {name}")
    if not names:
        say("No table is missing.")
        return
    lost = {one.name for one in PROJECTIONS if set(one.tables) & set(names)}
    for name in [one.name for one in PROJECTIONS if one.name in lost]:
        say(f"To fill it from the log: dispatcher projections rebuild {name}")
    say("Grants on what was dropped went with it: give them again.")


def _tell_plan(found: list[MigrationStatus], *, as_json: bool) -> None:
    missing = [one for one in found if one.state is MigrationState.PENDING]
    if as_json:
        print_json(
            {
                "pending": [
                    {"name": one.name, "why": one.why, "checksum": one.file_checksum}
                    for one in missing
                ]
            }
        )
        return
    for one in missing:
        say(f"pending  {one.name}")
        say(fill(one.why, 78, initial_indent=_INDENT, subsequent_indent=_INDENT))
    say(
        f"{len(missing)} to apply, each in one transaction, in this order."
        if missing
        else "The database has every migration."
    )


def _tell_status(found: list[MigrationStatus], *, as_json: bool) -> None:
    if as_json:
        print_json({"migrations": found})
    else:
        print_table(
            ["State", "Applied (UTC)", "Migration"],
            ([one.state.value, moment(one.applied_at), one.name] for one in found),
        )
    edited = [one.name for one in found if one.state is MigrationState.EDITED]
    if edited:
        raise DifferenceFound(
            f"{', '.join(edited)}: edited after it was applied; `dispatcher migrate` refuses. Put "
            "the file back as it was, and write what is to change as a migration of its own"
        )
