"""The command: its options, where it works, and how it ends."""

import shutil
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.output import AsJson

app = typer.Typer(help="See the whole system work, in one command.")

HISTORY_STARTS: Final = date(1990, 1, 2)
DEFAULT_START: Final = date(2014, 1, 2)


class DemoBroker(StrEnum):
    """Who executes the demo's orders."""

    SIMULATED = "simulated"
    ALPACA_FAKE = "alpaca-fake"


@app.command()
def demo(
    *,
    broker: Annotated[
        DemoBroker,
        typer.Option(
            help="simulated: years of history; alpaca-fake: five orders at a fake of Alpaca's "
            "paper trading, which loses answers, refuses and fills in parts.",
        ),
    ] = DemoBroker.SIMULATED,
    start: Annotated[
        datetime,
        typer.Option(
            "--from",
            formats=["%Y-%m-%d"],
            metavar="DAY",
            help="First day of the simulated history; 1990-01-02 takes all of it.",
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
    if broker is DemoBroker.ALPACA_FAKE:
        from cli.demo.paper_run import run_paper_demo  # noqa: PLC0415 -- heavy, not for --help

        _in_a_directory(partial(run_paper_demo, keep=keep, as_json=as_json), keep=keep)
        return
    from cli.demo.acts import ACTS_START  # noqa: PLC0415 -- as above
    from cli.demo.run import run_demo  # noqa: PLC0415 -- as above

    first = start.date()
    if not HISTORY_STARTS <= first < ACTS_START:
        raise typer.BadParameter(
            f"{first} is not between {HISTORY_STARTS} and {ACTS_START}: what comes after is for "
            "the acts"
        )
    play = partial(run_demo, first_day=first, keep=keep, as_json=as_json)
    _in_a_directory(play, keep=keep)


def _in_a_directory(play: Callable[[Path], object], *, keep: bool) -> None:
    directory = Path(tempfile.mkdtemp(prefix="dispatcher-demo-"))
    kept = False
    try:
        play(directory)
        kept = keep
    finally:
        if not kept:
            _clear(directory)


def _clear(directory: Path) -> None:
    from stack.up import stop  # noqa: PLC0415 -- as above

    if (directory / "stack").exists():
        stop(directory / "stack", purge=True)
    shutil.rmtree(directory, ignore_errors=True)
