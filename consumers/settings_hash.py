"""What an account decides under, as text: the limits on its log, the hash on its events."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from hashlib import sha256

from consumers.settings_account import AccountSettings


def config_hash(account: AccountSettings) -> str:
    """Return 16 hex digits that change whenever something changes that decisions depend on.

    Where the simulated broker keeps its ledger is left out; a secret is not in an account at all.
    """
    facts = account.model_dump(exclude={"ledger", "limit_overrides", "preset", "alpaca"})
    facts["limits"] = account.limits()
    if account.alpaca is not None:
        facts["alpaca"] = account.alpaca.model_dump(exclude={"key_id", "secret_key"})
    return sha256(_canonical(facts).encode()).hexdigest()[:16]


def limits_json(account: AccountSettings) -> str:
    """Return the limits that an account decides under, as canonical JSON text."""
    return _canonical(account.limits())


def _canonical(facts: object) -> str:
    return json.dumps(_plain(facts), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        values = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(one) for name, one in values.items() if one not in (None, ())}
    if isinstance(value, Mapping):
        return {
            "/".join(key) if isinstance(key, tuple) else str(key): _plain(item)
            for key, item in value.items()
        }
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value if value is None or isinstance(value, bool | int | str) else str(value)
