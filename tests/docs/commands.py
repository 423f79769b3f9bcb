"""The command of ours that a line of words names."""

from typing import Any

import typer

from cli.main import app


def leaf_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that `words` (without ``dispatcher``) name, and the words left over."""
    command: Any = typer.main.get_command(app)
    left, context = words, None
    while left and not left[0].startswith("-") and hasattr(command, "resolve_command"):
        context = command.context_class(command, info_name=command.name, parent=context)
        _, command, left = command.resolve_command(context, left)
    return command, left
