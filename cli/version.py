"""`dispatcher version`."""

import platform
from importlib.metadata import version as installed

import typer

from cli.output import AsJson, print_json, say
from consumers.version import build

app = typer.Typer(add_completion=False)


@app.command()
def version(*, as_json: AsJson = False) -> None:
    """Print which build this is, and what it runs on.

    Example: dispatcher version --json
    """
    facts = {
        "dispatcher": build(),
        "python": platform.python_version(),
        "confluent-kafka": installed("confluent-kafka"),
    }
    if as_json:
        print_json(facts)
        return
    say(", ".join(f"{name} {number}" for name, number in facts.items()))
