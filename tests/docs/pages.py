"""The pages that are read here, and what can be taken out of them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = tuple(
    sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
)

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`([^`\n]+)`")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name_of(page: Path) -> str:
    """Return a page's path as pytest should show it."""
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return the page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def inline_code(page: Path) -> list[str]:
    """Return what stands between single backticks."""
    return _INLINE.findall(prose(page))


def shell_lines(page: Path) -> Iterator[list[str]]:
    """Yield each command in the page's fenced blocks as its words; pipes part commands."""
    for language, block in _FENCE.findall(page.read_text(encoding="utf-8")):
        if language in ("", "sh"):
            for line in block.splitlines():
                for command in line.split("|"):
                    words = shlex.split(command, comments=True) if _is_command(command) else []
                    if words:
                        yield words


def links(page: Path) -> list[str]:
    """Return the targets of all links."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors that the page's headings have on a forge."""
    return {_slug(heading) for heading in _HEADING.findall(prose(page))}


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def _is_command(text: str) -> bool:
    return text.strip().split(" ")[0] in ("dispatcher", "make", "cp", "python")
