"""`dispatcher config`: is the configuration in order, and where does each value come from?"""

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import typer

from cli.output import AsJson, Config, print_json, say
from consumers.logs import configure_logs
from consumers.settings_origin import Setting, SourceKind, explained

app = typer.Typer(help="Check the configuration; see where values come from.", no_args_is_help=True)

_WIDTH = 80


@app.callback()
def _root() -> None:
    pass


@app.command()
def check(*, config: Config = None, as_json: AsJson = False) -> None:
    """Check the configuration and tell where each value comes from; exit code 3 on a fault.

    Passwords are not shown.

    Example: dispatcher config check --config dispatcher.toml
    """
    configure_logs(least="error")
    found = explained(config, os.environ)
    if as_json:
        print_json({"file": found.file, "values": found.values})
        return
    say(f"Configuration {found.file}")
    say()
    for table, values in groupby(found.values, key=lambda one: _table_of(one.key)):
        say(f"[{table}]")
        for value in values:
            name = value.key.removeprefix(f"{table}.")
            for line in _lines(value, name, _where(value, found.file)):
                say(line)
        say()
    said = sum(value.source in (SourceKind.FILE, SourceKind.ENVIRONMENT) for value in found.values)
    say(
        f"In order: {len(found.values)} values for {len(found.settings.accounts)} accounts, "
        f"{said} of them said by you."
    )


def _table_of(key: str) -> str:
    parts = key.split(".")
    return ".".join(parts[: 3 if parts[0] == "accounts" and len(parts) > 3 else -1][:3])  # noqa: PLR2004 -- accounts, its name, a table of it


def _lines(one: Setting, name: str, where: str) -> Iterator[str]:
    text = str(one.value).lower() if isinstance(one.value, bool) else str(one.value or "(none)")
    value = "0" if one.value == 0 and not isinstance(one.value, bool) else text
    line = f"  {name:<34} {value:<22}"
    if len(line) + 1 + len(where) <= _WIDTH:
        yield f"{line} {where}"
    elif len(line.rstrip()) <= _WIDTH:
        yield line.rstrip()
        yield f"{'':<6}{where}"
    else:
        yield f"  {name}"
        yield f"{'':<6}{value}"
        yield f"{'':<6}{where}"


def _where(one: Setting, file: Path) -> str:
    match one.source:
        case SourceKind.FILE:
            return one.where.replace(f"{file}:", "line ")
        case SourceKind.PRESET:
            return f"preset {one.where}"
        case _:
            return one.where or "default"
