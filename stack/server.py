"""What the servers of a stack have in common."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from stack import logs
from stack.place import Place
from stack.processes import OURSELVES, Owner, PidFile, launch
from stack.progress import Progress

ServerName = Literal["kafka", "registry", "postgres", "alpaca"]


@dataclass(frozen=True, slots=True)
class Command:
    """How a server is started."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    owner: Owner = OURSELVES


@dataclass(frozen=True, slots=True)
class Server(ABC):
    """One server of one stack."""

    place: Place

    name: ClassVar[ServerName]
    title: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]  # the first is the one clients connect to
    polite_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @property
    def home(self) -> Path:
        """The server's folder in the stack's directory."""
        return self.place.root / self.name

    @property
    def data(self) -> Path:
        """The folder with what the server must not lose."""
        return self.home / "data"

    @property
    def log_file(self) -> Path:
        """The log of the present or last run."""
        return self.home / f"{self.name}.log"

    @property
    def port(self) -> int:
        """The port clients connect to."""
        return self.place.port(self.port_names[0])

    @property
    def mark(self) -> str:
        """The text in the server's command line that no other process carries."""
        return f"dispatcher.stack={self.place.state.stack_id}/{self.name}"

    @property
    def pid_file(self) -> PidFile:
        """The number of the server's process, and how to recognise it."""
        return PidFile(self.home / f"{self.name}.pid", self.mark_argument)

    @property
    def mark_argument(self) -> str:
        """The whole command line argument with the mark."""
        return self.mark

    @property
    @abstractmethod
    def address(self) -> str:
        """What a client is configured with."""

    @abstractmethod
    def prepare(self, progress: Progress) -> Command:
        """Make everything ready for a start (downloads, first-time set-up)."""

    @abstractmethod
    def answers(self) -> bool:
        """Ask the server once, for at most a few seconds."""

    def launch(self, progress: Progress) -> None:
        """Prepare and start the server without waiting until it answers."""
        self.home.mkdir(exist_ok=True)
        command = self.prepare(progress)
        logs.start_afresh(self.log_file)
        launch(
            command.arguments,
            pid_file=self.pid_file,
            log_file=self.log_file,
            environment=command.environment,
            directory=command.directory,
            owner=command.owner,
        )
