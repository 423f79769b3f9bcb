"""Limits as text: read back from the log, or changed by what is typed on a command line."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Final

from immutables import Map
from pydantic import ValidationError

from accounts.limits import Limits
from accounts.special_limits import KEYS, flat
from consumers.errors import ConfigurationError
from consumers.settings_account import AccountSettings, LimitOverrides, overridden
from consumers.settings_hash import limits_json
from consumers.settings_values import EnvironmentText

_NAMES: Final = tuple(field.name for field in fields(Limits))


class UnclearLimit(ValueError):  # noqa: N818 -- says what the text is
    """A text names no limit, or a value that the limit cannot have: the sentence says which."""


def limits_from_json(text: str) -> Limits:
    """Return the limits that `limits_json` made `text` of, by whatever build.

    What a later build has added is left out; what an older one did not know has its default.

    Raises:
        ConfigurationError: This build cannot read them.
    """
    try:
        told: dict[str, Any] = json.loads(text)
        known = {name: _nested(told[name]) for name in _NAMES if name in told}
        if "special" in told:
            known["special"] = [_known_of(entry) for entry in told["special"]]
        given = LimitOverrides.model_validate(known)
        return Limits(**{name: getattr(given, name) for name in given.model_fields_set})
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the limits on the log are of another build, which this one cannot read: {error}"
        ) from error


def with_limits(limits: Limits, changes: Iterable[str]) -> Limits:
    """Return `limits` with each of `changes` made: ``max_open_positions=3``.

    A key is written as in the configuration, dotted where it is a table's; lists as ``a,b``.

    Raises:
        UnclearLimit: A change names no limit, or a value that makes no sense for it.
    """
    tree: dict[str, Any] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise UnclearLimit(f"{change!r} says no value: write it as KEY=VALUE")
        _lay(tree, key.strip(), value.strip())
    try:
        return overridden(limits, LimitOverrides.model_validate(tree))
    except ValidationError as error:
        raise UnclearLimit("; ".join(map(_fault, error.errors(include_input=False)))) from None
    except ValueError as error:
        raise UnclearLimit(str(error)) from None


def _lay(tree: dict[str, Any], key: str, value: str) -> None:
    name, *inner = key.split(".")
    if name not in _NAMES:
        near = get_close_matches(name, _NAMES, n=4, cutoff=0.4)
        hint = f"near it are {', '.join(near)}" if near else f"there are {', '.join(_NAMES)}"
        raise UnclearLimit(f"{name!r} is not a limit: {hint}")
    *tables, last = [name, *inner]
    for one in tables:
        tree = tree.setdefault(one, {})
        if not isinstance(tree, dict):
            raise UnclearLimit(f"{key!r} goes nowhere: {one} has a value already")
    tree[last] = EnvironmentText(value)


def _fault(details: Mapping[str, Any]) -> str:
    names = [str(part) for part in details["loc"] if isinstance(part, str)]
    key = ".".join(name for name in names if not name.startswith(("function-", "[")))
    words = str(details["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{key} {words}"


def _known_of(entry: Mapping[str, object]) -> dict[str, object]:
    known = ("instrument", "strategy", *KEYS)
    return {name: _nested(entry[name]) for name in known if name in entry}


def _nested(value: object) -> object:
    """Return a table as a configuration has it: ``{"STOCK/day_trade": …}`` is a table in one."""
    if not isinstance(value, Mapping):
        return value
    tables: dict[str, Any] = {}
    for key, item in value.items():
        outer, slash, inner = str(key).partition("/")
        if slash:
            tables.setdefault(outer, {})[inner] = item
        else:
            tables[outer] = item
    return tables


def difference(ours: Limits, theirs: Limits) -> dict[str, tuple[object, object]]:
    """Return each limit that differs, by its name: ours and theirs; maps by their keys.

    Special limits are named as ``special.CALL.max_order_notional``; None where one has none.
    """
    found: dict[str, tuple[object, object]] = {}
    for name in _NAMES:
        one, other = getattr(ours, name), getattr(theirs, name)
        if one == other:
            continue
        if isinstance(one, Map) and isinstance(other, Map):
            for key in sorted({*one, *other}, key=str):
                if one.get(key) != other.get(key):
                    found[f"{name}.{_dotted(key)}"] = one.get(key), other.get(key)
        elif name == "special":
            special, others = flat(one), flat(other)
            for key in sorted({*special, *others}):
                if special.get(key) != others.get(key):
                    found[key] = special.get(key), others.get(key)
        else:
            found[name] = one, other
    return found


def _dotted(key: object) -> str:
    return ".".join(map(str, key)) if isinstance(key, tuple) else str(key)


@dataclass(frozen=True, slots=True)
class PresentLimits:
    """What an account decides under: its last run's limits, or the configuration's before any.

    `differing` names each limit that the configuration has otherwise by now: the run's value and
    the configuration's, which the next run will have.
    """

    limits: Limits
    from_log: bool
    differing: Mapping[str, tuple[object, object]]


def present_limits(account: AccountSettings, on_the_log: str | None) -> PresentLimits:
    """Return what `account` decides under, by the JSON text that its last run left on the log.

    Raises:
        ConfigurationError: This build cannot read that text.
    """
    configured = account.limits()
    if on_the_log is None:
        return PresentLimits(configured, from_log=False, differing={})
    if on_the_log == limits_json(account):
        return PresentLimits(configured, from_log=True, differing={})
    found = limits_from_json(on_the_log)
    return PresentLimits(found, from_log=True, differing=difference(found, configured))
