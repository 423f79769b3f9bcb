"""A stack's directory: how it is recognised, and what it remembers from one start to the next."""

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from stack.errors import StackConfigError

DEFAULT_DIRECTORY = Path(".stack")

_STATE = "stack.json"
_LOCK = "stack.lock"
_OURS = frozenset({_STATE, _LOCK, ".gitignore", "kafka", "registry", "postgres", "alpaca"})


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What `stack.json` holds."""

    kind: Literal["dispatcher stack"] = "dispatcher stack"
    stack_id: str
    ports: dict[str, int] = field(default_factory=dict)
    fixed_ports: dict[str, int] = field(default_factory=dict)
    postgres_home: Path | None = None


_FORMAT = TypeAdapter(State)


@dataclass(frozen=True, slots=True)
class Place:
    """A stack's directory together with its state."""

    root: Path
    state: State

    @property
    def lock_file(self) -> Path:
        """The lock held while the stack is started, stopped or deleted."""
        return lock_file(self.root)

    def with_state(self, **changes: object) -> "Place":
        """Give this place with a changed state, and write it (atomically)."""
        changed = Place(self.root, replace(self.state, **changes))  # type: ignore[arg-type] # names and types are checked by the next reader
        changed.write()
        return changed

    def write(self) -> None:
        """Write the state, so that a reader sees either the old or the new one."""
        new = self.root / f".{_STATE}.new"
        new.write_bytes(_FORMAT.dump_json(self.state, indent=2))
        new.replace(self.root / _STATE)

    def port(self, name: str) -> int:
        """Give the port remembered under a name."""
        return self.state.ports[name]


def lock_file(root: Path) -> Path:
    """Name the lock file of a stack directory."""
    return root / _LOCK


def find(directory: Path) -> Place | None:
    """Read a stack's directory; None if there is no stack in it.

    Raises StackConfigError when its `stack.json` is damaged.
    """
    root = directory.absolute()
    try:
        return Place(root, _FORMAT.validate_json((root / _STATE).read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError as error:
        raise StackConfigError(
            f"{root / _STATE} is damaged or not ours: choose another directory with --dir, "
            "or delete that directory if you no longer need its data."
        ) from error


def prepare(directory: Path) -> Path:
    """Make a directory a stack may live in, and give its absolute path.

    Raises StackConfigError when it holds files of others or cannot be written.
    """
    root = directory.absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not (root / _STATE).exists():
            strangers = sorted(entry.name for entry in root.iterdir() if not _is_ours(entry))
            if strangers:
                raise StackConfigError(
                    f"{root} is not a stack's directory (it holds {strangers[0]}): choose an "
                    "empty or new directory with --dir."
                )
        (root / ".gitignore").write_text("*\n")
    except OSError as error:
        raise StackConfigError(
            f"The stack cannot use {root} ({error.strerror}): choose another directory with --dir."
        ) from error
    return root


def found(root: Path) -> Place:
    """Give the stack in a prepared directory, a new one if there is none. Hold its lock."""
    place = find(root)
    if place is None:
        place = Place(root, State(stack_id=secrets.token_hex(8)))
        place.write()
    return place


def _is_ours(entry: Path) -> bool:
    return entry.name in _OURS or entry.name == f".{_STATE}.new"


def forget(place: Place) -> None:
    """Delete what makes the directory a stack's; the directory too if nothing else is in it."""
    for name in (_STATE, ".gitignore", _LOCK):
        (place.root / name).unlink(missing_ok=True)
    if not any(place.root.iterdir()):
        place.root.rmdir()
