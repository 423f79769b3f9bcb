"""`dispatcher stack`: Kafka, a schema registry and PostgreSQL on this machine, without Docker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stack.server import ServerName
    from stack.status import ServerStatus

_CONFIGURATION, _UNREACHABLE, _INTERRUPTED = 3, 7, 130

app = typer.Typer(
    help="Run Kafka, a schema registry and PostgreSQL on this machine, without Docker.",
    no_args_is_help=True,
)
cache_app = typer.Typer(help="The downloads that all stacks share.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")

Directory = Annotated[
    Path, typer.Option("--dir", help="The stack's directory; each directory is a stack of its own.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Always use this port.")]

_DEFAULT_DIRECTORY = Path(".stack")


class Extra(StrEnum):
    """What a stack has only when it is asked for."""

    ALPACA = "alpaca"


@app.command()
def up(
    directory: Directory = _DEFAULT_DIRECTORY,
    *,
    as_json: AsJson = False,
    kafka_port: Port = None,
    registry_port: Port = None,
    postgres_port: Port = None,
    extra: Annotated[
        list[Extra] | None,
        typer.Option("--with", help="Start this too: a fake of Alpaca's paper trading."),
    ] = None,
) -> None:
    """Start what is not running yet and print the addresses.

    Example: dispatcher stack up --json > stack-addresses.json
    """
    from stack.bar import TerminalProgress  # noqa: PLC0415 - keeps --help fast
    from stack.up import start  # noqa: PLC0415 - as above

    wanted: dict[ServerName, int | None] = {
        "kafka": kafka_port,
        "registry": registry_port,
        "postgres": postgres_port,
    }
    fixed = {name: port for name, port in wanted.items() if port is not None}
    with _one_sentence(), TerminalProgress() as progress:
        addresses = start(
            directory,
            progress=progress,
            fixed_ports=fixed,
            with_alpaca=Extra.ALPACA in (extra or ()),
        )
    if as_json:
        typer.echo(json.dumps(addresses.as_json()))
        return
    typer.echo(f"Kafka       {addresses.bootstrap_servers}")
    typer.echo(f"Registry    {addresses.registry_url}")
    typer.echo(f"PostgreSQL  {addresses.postgres_dsn}")
    if addresses.alpaca_url is not None:
        typer.echo(f"Fake Alpaca {addresses.alpaca_url} (control {addresses.alpaca_control_url})")


@app.command()
def down(
    directory: Directory = _DEFAULT_DIRECTORY,
    *,
    purge: Annotated[bool, typer.Option("--purge", help="Delete the stack's data too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop all servers, also those whose starter was killed; data stays unless purged.

    Example: dispatcher stack down --purge
    """
    from stack.bar import TerminalProgress  # noqa: PLC0415 - keeps --help fast
    from stack.up import stop  # noqa: PLC0415 - as above

    with _one_sentence(), TerminalProgress() as progress:
        stop(directory, purge=purge, progress=progress)
    if as_json:
        typer.echo(json.dumps({"directory": str(directory.absolute()), "purged": purge}))


@app.command()
def status(directory: Directory = _DEFAULT_DIRECTORY, *, as_json: AsJson = False) -> None:
    """Show each server; exit code 7 unless all are running.

    Example: dispatcher stack status --dir .stack
    """
    from stack.status import ServerState  # noqa: PLC0415 - keeps --help fast
    from stack.status import status as look  # noqa: PLC0415 - as above

    with _one_sentence():
        servers = look(directory)
    if as_json:
        report = {"directory": str(directory.absolute()), "servers": [asdict(s) for s in servers]}
        typer.echo(json.dumps(report, default=str))
    else:
        _print_table(servers)
    if any(server.state is not ServerState.RUNNING for server in servers):
        raise typer.Exit(_UNREACHABLE)


@cache_app.command("clear")
def clear_cache(*, as_json: AsJson = False) -> None:
    """Delete the downloads; the next start fetches them again.

    Example: dispatcher stack cache clear
    """
    from stack.downloads import cache_directory, clear  # noqa: PLC0415 - keeps --help fast

    with _one_sentence():
        freed_bytes = clear()
    if as_json:
        typer.echo(json.dumps({"directory": str(cache_directory()), "freed_bytes": freed_bytes}))
    else:
        typer.echo(f"Deleted {freed_bytes / 1e6:.0f} MB from {cache_directory()}.")


def _print_table(servers: tuple["ServerStatus", ...]) -> None:
    from rich.console import Console  # noqa: PLC0415 - keeps --help fast
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table("Server", "State", "PID", box=None, padding=(0, 2, 0, 0))
    table.add_column("Address, data", overflow="fold")
    for server in servers:
        pid = "" if server.pid is None else str(server.pid)
        where = f"{server.address}\n{server.data_directory}"
        table.add_row(server.title, server.state.value, pid, where)
    Console(highlight=False).print(table)


@contextmanager
def _one_sentence() -> Iterator[None]:
    from stack.errors import StackConfigError, StackError  # noqa: PLC0415 - keeps --help fast

    try:
        yield
    except StackError as error:
        typer.echo(str(error), err=True)
        code = _CONFIGURATION if isinstance(error, StackConfigError) else _UNREACHABLE
        raise typer.Exit(code) from error
    except KeyboardInterrupt:
        typer.echo("Interrupted; `dispatcher stack down` stops what has started.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
