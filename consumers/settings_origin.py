"""Where every value of the configuration came from, for `dispatcher config check`."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from accounts.special_limits import SpecialLimits, flat
from consumers.settings import Settings, load_settings
from consumers.settings_account import AccountSettings
from consumers.settings_source import chosen_file, read_tree, variables_by_key

_HEADER: Final = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(
    r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"))*)\s*="
)
_PART: Final = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")
_PASSWORD: Final = re.compile(r"passw|passfile|secret|token", re.IGNORECASE)
HIDDEN: Final = "***"


class SourceKind(StrEnum):
    """Who said a value."""

    FILE = "file"
    ENVIRONMENT = "environment"
    PRESET = "preset"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value: its full key, what it is (a secret masked), and who said so, and where."""

    key: str
    value: str | int | bool | None
    source: SourceKind
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A checked configuration, with every value of it explained."""

    file: Path
    settings: Settings
    values: tuple[Setting, ...]


def explained(path: Path | None, environ: Mapping[str, str]) -> Explained:
    """Read and check the configuration as `load_settings` does, and explain every value.

    Raises:
        ConfigurationError: As `load_settings`.
    """
    settings = load_settings(path, environ)
    file = chosen_file(path, environ)
    found = _Sources(file, environ)
    values = tuple(found.of_table("", settings))
    return Explained(file=file, settings=settings, values=values)


class _Sources:
    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        self._file = file
        self._said = {".".join(path).lower() for path in _paths(read_tree(file, environ))}
        self._variables = variables_by_key(environ)
        self._lines = _line_numbers(file.read_text("utf-8"))

    def of_table(self, prefix: str, table: BaseModel) -> Iterator[Setting]:
        for name, field in type(table).model_fields.items():
            value, key = getattr(table, name), f"{prefix}{field.alias or name}"
            if isinstance(table, AccountSettings) and name == "name":
                continue  # the table's own name says it
            if isinstance(table, AccountSettings) and name == "limit_overrides":
                yield from self._of_limits(key, table)
            elif isinstance(value, BaseModel):
                yield from self.of_table(f"{key}.", value)
            elif isinstance(value, Mapping):
                for one, inner in value.items():
                    if isinstance(inner, BaseModel):
                        yield from self.of_table(f"{key}.{one}.", inner)
                    else:
                        yield self._of_value(f"{key}.{one}", inner)
            else:
                yield self._of_value(key, value)

    def _of_limits(self, key: str, account: AccountSettings) -> Iterator[Setting]:
        limits = account.limits()
        preset = (SourceKind.PRESET, account.preset)
        for field in fields(limits):
            value = getattr(limits, field.name)
            if field.name == "special":
                yield from self._of_special(key, limits.special)
                continue
            if not isinstance(value, Mapping):
                yield self._of_value(f"{key}.{field.name}", value, preset)
                continue
            for part in sorted(value):
                names = part if isinstance(part, tuple) else (part,)
                yield self._of_value(f"{key}.{field.name}.{'.'.join(names)}", value[part], preset)

    def _of_special(self, key: str, special: Sequence[SpecialLimits]) -> Iterator[Setting]:
        for number, entry in enumerate(special):
            for name, value in flat((entry,)).items():
                written = name.replace(entry.name, f"special.{number}", 1).lower()
                yield Setting(
                    key=f"{key}.{name}",
                    value=_shown(value),
                    source=SourceKind.FILE,
                    where=self._place(f"{key}.{written}".lower()),
                )

    def _of_value(
        self,
        key: str,
        value: object,
        otherwise: tuple[SourceKind, str] = (SourceKind.DEFAULT, ""),
    ) -> Setting:
        lowered = key.lower()
        if lowered in self._variables:
            source, where = SourceKind.ENVIRONMENT, self._variables[lowered]
        elif lowered in self._said:
            source, where = SourceKind.FILE, self._place(lowered)
        else:
            source, where = otherwise
        hidden = isinstance(value, SecretStr) and not key.endswith(".dsn")
        shown = HIDDEN if hidden else _shown(value)
        return Setting(key=key, value=shown, source=source, where=where)

    def _place(self, key: str) -> str:
        """Return the file and the line of `key`, or of the inline table that holds it."""
        while key:
            if key in self._lines:
                return f"{self._file}:{self._lines[key]}"
            key = key.rpartition(".")[0]
        return str(self._file)


def _paths(tree: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from ((name, *inner) for inner in _paths(value))
        else:
            yield (name,)


def _line_numbers(text: str) -> dict[str, int]:
    """Return where each key of a TOML document stands; a valid one is assumed."""
    found: dict[str, int] = {}
    table, listed = "", Counter[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            name = _name(header[1])
            table = f"{name}."
            if line.lstrip().startswith("[["):  # one of several tables, by its number
                table = f"{name}.{listed[name]}."
                listed[name] += 1
        elif key := _KEY.match(line):
            found.setdefault(f"{table}{_name(key[1])}", number)
    return found


def _name(written: str) -> str:
    return ".".join(part.strip("\"'") for part in _PART.findall(written)).lower()


def _shown(value: object) -> str | int | bool | None:
    if isinstance(value, SecretStr):
        return masked(value.get_secret_value())
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, frozenset):
        return ", ".join(sorted(_texts(value)))
    if value is None or isinstance(value, bool | int):
        return value
    return masked(str(value)) if "://" in str(value) else str(value)


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def masked(address: str) -> str:
    """Return an address without its password; where it cannot be told apart, without anything."""
    scheme, marks, rest = address.partition("://")
    login, at, place = rest.rpartition("@")
    if not marks or _PASSWORD.search(place):
        return HIDDEN
    user, colon, _ = login.partition(":")
    if not at:
        return address
    return f"{scheme}://{user}{colon and ':' + HIDDEN}@{place}"
