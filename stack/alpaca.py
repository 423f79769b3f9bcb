"""The fake Alpaca, as a server of the stacks that ask for it."""

import sys
from pathlib import Path
from typing import ClassVar

from stack.place import Place
from stack.ports import HOST, listens
from stack.progress import Progress
from stack.server import Command, Server, ServerName

_SOURCES = Path(__file__).parents[1]


class Alpaca(Server):
    """A brokerage of paper (`stack.alpaca_server`); its ledger outlives it."""

    __slots__ = ()
    name: ClassVar[ServerName] = "alpaca"
    title: ClassVar[str] = "Fake Alpaca"
    port_names: ClassVar[tuple[str, ...]] = ("alpaca", "alpaca-control")

    @property
    def address(self) -> str:
        """The URL that stands for Alpaca's trading and data APIs alike."""
        return f"http://{HOST}:{self.port}"

    @property
    def control_address(self) -> str:
        """The URL of the control plane."""
        return f"http://{HOST}:{self.place.port('alpaca-control')}"

    def prepare(self, progress: Progress) -> Command:
        """Name the program; there is nothing to download."""
        del progress
        self.data.mkdir(exist_ok=True)
        arguments = [
            *(sys.executable, "-m", "stack.alpaca_server"),
            *("--port", str(self.port), "--control-port", str(self.place.port("alpaca-control"))),
            *("--journal", str(self.data / "journal.jsonl"), "--mark", self.mark),
        ]
        return Command(arguments, {"PYTHONPATH": str(_SOURCES)}, self.home)

    def answers(self) -> bool:
        """Ask whether both ports are listened on."""
        return listens(self.port) and listens(self.place.port("alpaca-control"))


def is_part_of(place: Place) -> bool:
    """Tell whether a stack has ever asked for it."""
    return Alpaca.name in place.state.ports
