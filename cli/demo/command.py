"""The command: its options, where it works, and how it ends."""

import shutil
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.output import AsJson

app = typer.Typer(help="See the whole system work, in one command.")

HISTORY_STARTS: Final = date(1990, 1, 2)
DEFAULT_START: Final = date(2014, 1, 2)


@app.command()
def demo(
    *,
    start: Annotated[
        datetime,
        typer.Option(
            "--from",
            formats=["%Y-%m-%d"],
            help="First day of history; 1990-01-02 takes all of it. The last is 2022-12-28.",
            show_default="2014-01-02",
        ),
    ] = datetime(2014, 1, 2),  # noqa: DTZ001 -- a day, which typer can only read as a datetime
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the servers running, and say how to look around.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send years of recommendations through real Kafka, registry and PostgreSQL; break things.

    Example: dispatcher demo --from 2019-01-02
    """
    from cli.demo.acts import ACTS_START  # noqa: PLC0415 -- heavy, and not needed for --help
    from cli.demo.run import run_demo  # noqa: PLC0415 -- as above

    first = start.date()
    if not HISTORY_STARTS <= first < ACTS_START:
        raise typer.BadParameter(
            f"{first} is not between {HISTORY_STARTS} and {ACTS_START}: what comes after is for "
            "the acts"
        )
    directory = Path(tempfile.mkdtemp(prefix="dispatcher-demo-"))
    kept = False
    try:
        run_demo(directory, first, keep=keep, as_json=as_json)
        kept = keep
    finally:
        if not kept:
            _clear(directory)


def _clear(directory: Path) -> None:
    from stack.up import stop  # noqa: PLC0415 -- as above

    if (directory / "stack").exists():
        stop(directory / "stack", purge=True)
    shutil.rmtree(directory, ignore_errors=True)
