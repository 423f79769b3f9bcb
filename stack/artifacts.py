"""The downloads this package is built on, pinned by sha256."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

Part = Literal["kafka", "registry"]

LOCK_FILE = Path(__file__).with_name("artifacts.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file of a Maven component, and the only content it may have."""

    coordinate: str
    sha256: str
    size_bytes: int
    packaging: str = "jar"
    classifier: str = ""

    @property
    def file_name(self) -> str:
        """The file's name as Maven spells it."""
        _, name, version = self.coordinate.split(":")
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{name}-{version}{classifier}.{self.packaging}"


@dataclass(frozen=True, slots=True)
class Pins:
    """All pinned downloads by the part of the stack that runs them."""

    kafka: tuple[Artifact, ...]
    registry: tuple[Artifact, ...]

    def of(self, part: Part) -> tuple[Artifact, ...]:
        """Give the files of one part."""
        return self.kafka if part == "kafka" else self.registry


def read_pins(file: Path = LOCK_FILE) -> Pins:
    """Read the pinned downloads (`artifacts.toml`)."""
    return TypeAdapter(Pins).validate_python(tomllib.loads(file.read_text()))
