"""Which code folds: what other code has folded is not ours to go on from."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

PACKAGES: Final = ("accounts", "events")
"""Everything that makes a state out of a log, and nothing else."""


@cache
def evolve_code() -> str:
    """Return 16 hex digits that change with the source of `accounts` and `events`.

    The same from a checkout, an installed wheel or an image: paths within the packages count,
    where they lie does not.
    """
    return digest({name: files(name) for name in PACKAGES})


@cache
def rows_code() -> str:
    """Return 16 hex digits that change with whatever makes rows of events: `projections`, too."""
    return digest({name: files(name) for name in (*PACKAGES, "projections")})


def digest(packages: dict[str, Traversable]) -> str:
    """Return 16 hex digits of every module in `packages`.

    Raises:
        FileNotFoundError: A package has no source, as where only compiled modules were installed.
    """
    found = sha256()
    for path, source in sorted(_sources(packages)):
        found.update(f"{path}\0{len(source)}\0".encode() + source)
    return found.hexdigest()[:16]


def _sources(packages: dict[str, Traversable]) -> Iterator[tuple[str, bytes]]:
    for name, package in packages.items():
        modules = list(_modules(package, name))
        if not modules:
            raise FileNotFoundError(f"package {name} is here without its source")
        yield from modules


def _modules(package: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in package.iterdir():
        if entry.is_dir():
            yield from _modules(entry, f"{path}/{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{path}/{entry.name}", entry.read_bytes()
