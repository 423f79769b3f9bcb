"""`dispatcher migrate`."""

from typing import Annotated

import typer

from cli.context import settings_from
from cli.output import AsJson, Config, print_json, say
from migrations.apply import migrate as apply
from migrations.apply import pending

app = typer.Typer(add_completion=False)


@app.command()
def migrate(
    *,
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only name what is missing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to the newest migration; a second time changes nothing.

    Example: dispatcher migrate --dry-run
    """
    dsn = settings_from(config).postgres_dsn()
    names = pending(dsn) if dry_run else apply(dsn)
    if as_json:
        print_json({"pending" if dry_run else "applied": names})
        return
    for name in names:
        say(f"{'missing' if dry_run else 'applied'}  {name}")
    if not names:
        say("The database has every migration.")
