"""The files that containers are made from, read as a container engine reads them."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = {
    name: service for name, service in SERVICES.items() if service["image"] == "dispatcher:local"
}
"""The services that run our own image."""


def instructions(keyword: str) -> list[str]:
    """Return the arguments of each of the Dockerfile's instructions of one kind."""
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return re.findall(rf"^{keyword} (.+)$", joined, re.MULTILINE)


def variables() -> dict[str, str]:
    """Return what the image's environment holds."""
    words = shlex.split(instructions("ENV")[-1])
    return dict(word.split("=", 1) for word in words)


def pins(lock: Path) -> dict[str, str]:
    """Return each package of a lock with its version."""
    found = re.findall(r"^([\w.-]+)==([^ ;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(found)
