"""`dispatcher legacy import`: the replaced service's ledger, into the accounts' logs."""

from typing import Annotated

import typer

from cli.context import checked_codec, settings_from
from cli.legacy_view import plan_as_json, print_imported, print_plan, undecided
from cli.output import AsJson, Config, print_json, progress
from consumers.errors import Refused
from consumers.legacy.decisions import Decisions
from consumers.legacy.importing import Importer
from consumers.legacy.source import old_ledger
from consumers.settings import Settings
from events.catalog import LOG_EVENTS
from events.identifiers import AccountName

app = typer.Typer(help="Bring in what the replaced service left behind.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("import")
def import_(  # noqa: PLR0913 -- the options of a command line
    *,
    dsn: Annotated[
        str,
        typer.Option(
            envvar="DISPATCHER_LEGACY_DSN",
            help="Address of the old database; it is only read.",
            show_default=False,
            show_envvar=False,
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="OLD=ACCOUNT", help="Rows of OLD go to ACCOUNT.", show_default=False
        ),
    ] = None,
    left_out: Annotated[
        list[str] | None,
        typer.Option("--leave", metavar="OLD", help="Rows of OLD stay out.", show_default=False),
    ] = None,
    unnamed: Annotated[
        str | None,
        typer.Option(
            "--assign-unnamed",
            metavar="ACCOUNT",
            help="Rows without an account go to ACCOUNT.",
            show_default=False,
        ),
    ] = None,
    leave_unnamed: Annotated[
        bool, typer.Option("--leave-unnamed", help="Rows without an account stay out.")
    ] = False,
    include_fallback: Annotated[
        bool | None,
        typer.Option(
            "--include-fallback/--leave-fallback",
            help="Whether SIMULATED_FALLBACK rows are imported.",
            show_default=False,
        ),
    ] = None,
    leave_faulty: Annotated[
        bool, typer.Option("--leave-faulty", help="Rows that cannot be imported stay out.")
    ] = False,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Count what would go where; write nothing.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Append the executions of the replaced service to the accounts' logs, each once.

    Nothing is guessed: without a decision for every row it only counts. Stop the dispatchers of
    the accounts first. Interrupted, the same command goes on.

    Example: dispatcher legacy import --dsn postgresql://reader@old/ops --plan
    """
    settings = settings_from(config)
    decisions = Decisions(
        accounts=_mapped(settings, names or []),
        left_out=frozenset(left_out or []),
        unnamed=None if unnamed is None else settings.account(unnamed).account,
        leave_unnamed=leave_unnamed,
        include_fallback=include_fallback,
        leave_faulty=leave_faulty,
    )
    _consistent(decisions)
    codec = checked_codec(settings, LOG_EVENTS)
    with old_ledger(dsn) as ledger, progress("reading the old ledger") as bar:
        importer = Importer(
            settings,
            codec,
            ledger,
            decisions,
            on_progress=lambda title, at, end: bar.show(at, end, title),
        )
        plan = importer.plan()
        bar.hide()
        if not as_json:
            print_plan(plan)
        questions = undecided(plan)
        if plan_only or questions:
            if as_json:
                print_json(plan_as_json(plan, None))
            if plan_only:
                return
            raise Refused(
                f"{sum(one.rows for one in questions):,} rows wait for a decision, so nothing was "
                f"imported: {'; '.join(one.options for one in questions)}"
            )
        done = importer.run(plan)
    if as_json:
        print_json(plan_as_json(plan, done))
    else:
        print_imported(done)


def _mapped(settings: Settings, names: list[str]) -> dict[str, AccountName]:
    mapped: dict[str, AccountName] = {}
    for one in names:
        old, equals, new = one.rpartition("=")
        if not (old and equals and new):
            raise typer.BadParameter(f"{one!r} is not OLD=ACCOUNT", param_hint="--map")
        if mapped.setdefault(old, settings.account(new).account) != new:
            raise typer.BadParameter(f"{old!r} is mapped to two accounts", param_hint="--map")
    return mapped


def _consistent(decisions: Decisions) -> None:
    both = sorted(decisions.left_out & decisions.accounts.keys())
    if both:
        raise typer.BadParameter(f"{both[0]!r} is mapped as well", param_hint="--leave")
    if decisions.leave_unnamed and decisions.unnamed is not None:
        raise typer.BadParameter("they are assigned as well", param_hint="--leave-unnamed")
