"""A group of commands whose modules are imported when one of them is called, not before."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from types import ModuleType

_COMPLETION: Final = frozenset({"install_completion", "show_completion"})


class Lazy(NamedTuple):
    """Where a command lives (a module with an `app`), and what the list of commands says of it."""

    module: str
    help: str


class LazyGroup(TyperGroup):
    """A group that lists its commands from `lazy` and imports the one that is called.

    A module that is not installed is not listed.
    """

    lazy: ClassVar[Mapping[str, Lazy]] = {}

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 -- typer's own signature, passed on
        super().__init__(**attributes)
        for name, one in self.lazy.items():
            if find_spec(one.module) is not None:
                self.commands[name] = TyperCommand(name, help=one.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 -- typer keeps these types to itself
        """Return the command that `args` start with, imported now."""
        if args and args[0] in self.lazy and args[0] in self.commands:
            self.commands[args[0]] = _imported(args[0], self.lazy[args[0]])
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 -- as above
        """Return the names of all commands, in the order of `lazy`."""
        return [name for name in self.lazy if name in self.commands]


def _imported(name: str, one: Lazy) -> Any:  # noqa: ANN401 -- typer keeps this type to itself
    module: ModuleType = import_module(one.module)
    app: typer.Typer = module.app
    command = get_command(app)
    command.name = name
    command.params = [param for param in command.params if param.name not in _COMPLETION]
    _unwrap(command)
    return command


def _unwrap(command: Any) -> None:  # noqa: ANN401 -- as above
    """Join the lines of each paragraph of the help: they are broken anew, for the terminal."""
    if command.help:
        paragraphs = command.help.split("\n\n")
        command.help = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    for inner in getattr(command, "commands", {}).values():
        _unwrap(inner)
