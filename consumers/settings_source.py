"""One tree of settings out of `dispatcher.toml` and the environment, and faults in words."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from consumers.errors import ConfigurationError
from consumers.settings_values import EnvironmentText

PREFIX: Final = "DISPATCHER__"
CONFIG_VARIABLE: Final = "DISPATCHER_CONFIG"
DEFAULT_FILE: Final = Path("dispatcher.toml")
SECRETS: Final = frozenset({"dsn", "key_id", "secret_key"})
"""Keys whose variable may end in ``_FILE`` and name a file that holds the value."""

_SEPARATOR: Final = "__"
_FILE: Final = "_file"
_ACCOUNT_DEPTH: Final = 2
_SECRET_DEPTH: Final = 4  # accounts, its name, alpaca, the key
_NO_KEY: Final = re.compile(r"function-|literal\[|\[key\]$|datetime$")
_ENUM_MEMBER: Final = re.compile(r"<[\w.]+: ('[^']*')>")


def chosen_file(path: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the configuration's file: the one asked for, ``DISPATCHER_CONFIG``, or the default."""
    if path is not None:
        return path
    named = environ.get(CONFIG_VARIABLE)
    return Path(named) if named else DEFAULT_FILE


def read_tree(file: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the file's tables with the environment's values laid over them.

    ``DISPATCHER__ACCOUNTS__LARGE-DEFAULT__MODE`` is `accounts.large-default.mode`; shells that
    cannot export a dash write ``LARGE_DEFAULT``, which is the same account.

    Raises:
        ConfigurationError: The file cannot be read or is no TOML, or a variable goes nowhere.
    """
    try:
        with file.open("rb") as opened:
            tree = tomllib.load(opened, parse_float=Decimal)
    except FileNotFoundError:
        raise ConfigurationError(
            f"configuration {file} does not exist: name one with --config or {CONFIG_VARIABLE}, "
            "or start from examples/dispatcher.toml"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"configuration {file} cannot be read: {error.strerror}: check path and permissions"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"configuration {file} is not valid TOML: {error}") from None
    for variable, value in _overrides(environ):
        _lay_over(tree, variable, _value(variable, value, environ))
    return tree


def explain(file: Path, environ: Mapping[str, str], error: ValidationError) -> ConfigurationError:
    """Return `error` as one sentence that names every faulty key in full, never its value."""
    variables = variables_by_key(environ)
    faults = [_fault(details, variables) for details in error.errors(include_input=False)]
    return ConfigurationError(f"configuration {file}: " + "; ".join(dict.fromkeys(faults)))


def variables_by_key(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that override something, by the full name of the key in lower case."""
    return {".".join(_path(variable)): variable for variable, _ in _overrides(environ)}


def _fault(details: ErrorDetails, variables: Mapping[str, str]) -> str:
    names = [part for part in details["loc"] if isinstance(part, str)]
    key = ".".join(name for name in names if not _NO_KEY.match(name))
    match details["type"]:
        case "missing":
            words = "is missing"
            if len(names) == _SECRET_DEPTH and names[-1] in SECRETS:
                words = f"is missing: set {_variable(names)}, or the same with _FILE at its end"
        case "extra_forbidden":
            words = "is not a known key"
        case "model_type" | "model_attributes_type" | "dict_type":
            words = "must be a table"
        case _:
            words = _ENUM_MEMBER.sub(r"\1", details["msg"])
            words = words.removeprefix("Value error, ").removeprefix("Input ")
    source = f" (set by {variables[key]})" if key in variables else ""
    return f"{key} {words}{source}".strip()


def _variable(names: list[str]) -> str:
    return PREFIX + _SEPARATOR.join(name.upper().replace("-", "_") for name in names)


def _overrides(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable in sorted(environ):
        if variable.startswith(PREFIX):
            yield variable, environ[variable]


def _names_a_file(variable: str) -> bool:
    key = variable.lower().rpartition(_SEPARATOR)[2]
    return key.removesuffix(_FILE) in SECRETS and key.endswith(_FILE)


def _value(variable: str, value: str, environ: Mapping[str, str]) -> str:
    if not _names_a_file(variable):
        return value
    plain = variable[: -len(_FILE)]
    if plain in environ:
        raise ConfigurationError(f"{plain} and {variable} are both set: set one of them")
    try:
        return Path(value).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the file that {variable} names cannot be read: {type(error).__name__}: check its "
            "path and permissions"
        ) from None


def _path(variable: str) -> list[str]:
    parts = variable.removeprefix(PREFIX).lower().split(_SEPARATOR)
    if _names_a_file(variable):
        parts[-1] = parts[-1].removesuffix(_FILE)
    if len(parts) >= _ACCOUNT_DEPTH and parts[0] == "accounts":
        parts[1] = parts[1].replace("_", "-")
    return parts


def _lay_over(tree: dict[str, Any], variable: str, value: str) -> None:
    *tables, key = _path(variable)
    for lowered in tables:
        name = next((known for known in tree if known.lower() == lowered), lowered)
        inner = tree.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigurationError(
                f"environment variable {variable} goes nowhere: {name} is not a table"
            )
        tree = inner
    tree[key] = EnvironmentText(value)
