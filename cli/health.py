"""`dispatcher health`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, print_json, say
from consumers.health import check_health, health_file
from consumers.logs import configure_logs

app = typer.Typer(add_completion=False)


@app.command()
def health(
    *,
    file: Annotated[
        Path | None,
        typer.Option(help="The heartbeat's file; else DISPATCHER_HEALTH_FILE.", show_default=False),
    ] = None,
    max_age_s: Annotated[
        float, typer.Option("--max-age-s", min=1, help="A loop that is well turns this often.")
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """Say whether the process beside this one still turns its loop; exit code 7 if not.

    Example: dispatcher health --max-age-s 120
    """
    configure_logs(least="error")
    found = check_health(file or health_file(os.environ), max_age_s)
    if as_json:
        print_json(found)
        return
    say(f"Process {found.pid} is well: its loop turned {found.age_s:.1f} s ago.")
