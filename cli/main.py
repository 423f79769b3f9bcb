"""The `dispatcher` command: every noun is a module of its own, imported when it is called."""

from typing import Final

import typer

from cli.errors import run_guarded
from cli.lazy import Lazy, LazyGroup

_EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 a bug, 2 usage, 3 configuration, 4 bad input, 5 not found, "
    "6 a difference found, 7 a service is unreachable, 8 fenced or expelled, "
    "9 refused or account halted, 130 interrupted."
)


class _Commands(LazyGroup):
    lazy = {  # noqa: RUF012 -- the base class declares it ClassVar
        "stack": Lazy("cli.stack", "Run Kafka, registry and PostgreSQL here, without Docker."),
        "migrate": Lazy("cli.migrate", "Bring the database to the newest migration."),
        "schemas": Lazy("cli.schemas", "Register and check the events' schemas."),
        "topics": Lazy("cli.topics", "Create and check the topics."),
        "accounts": Lazy("cli.accounts", "Run accounts; list and show them from their logs."),
        "projections": Lazy("cli.projections", "Run projections; see how far they are."),
        "recommendations": Lazy(
            "cli.recommendations", "Publish recommendations; tell one's whole story."
        ),
        "executions": Lazy("cli.executions", "List what was executed."),
        "positions": Lazy("cli.positions", "List what accounts hold."),
        "failures": Lazy("cli.failures", "List and show what went wrong."),
        "legacy": Lazy("cli.legacy", "Import the ledger of the replaced service."),
        "doctor": Lazy("cli.doctor", "Look at everything it needs; each line names its cure."),
        "config": Lazy("cli.config", "Check the configuration; see where values come from."),
        "health": Lazy("cli.health", "Say whether a process's loop still turns."),
        "demo": Lazy("cli.demo", "See the whole system work, in one command."),
        "version": Lazy("cli.version", "Print which build this is."),
    }


app = typer.Typer(
    name="dispatcher",
    cls=_Commands,
    help=(
        "Dispatch trade recommendations, account by account, with Kafka as the only truth.\n\n"
        "Example: dispatcher accounts run large-default --config dispatcher.toml"
    ),
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    pass


def run() -> None:
    """Run the command line; the process ends with one of the documented exit codes."""
    run_guarded(app)


if __name__ == "__main__":
    run()
