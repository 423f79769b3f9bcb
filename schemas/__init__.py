"""The wire contract: one Avro file per event type, generated from `events`, and read from here."""

import json
from hashlib import sha256
from importlib.resources import files
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


def load(name: str) -> Json:
    """Return the committed schema of an event type by its short name, such as ``OrderFilled``.

    Raises:
        FileNotFoundError: No such schema is committed.
    """
    text = (files(__name__) / f"{name}.avsc").read_text(encoding="utf-8")
    schema: Json = json.loads(text)
    return schema


def canonical(schema: Json) -> str:
    """Return a schema as the one JSON text that is registered and fingerprinted.

    A namespace that only repeats the enclosing one is left out, as registries do, too.
    """
    plain = _without_repeated_namespaces(schema, "")
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(schema: Json) -> str:
    """Return the SHA-256 of a schema's canonical text, in hex: equal for equal contracts only."""
    return sha256(canonical(schema).encode()).hexdigest()


def _without_repeated_namespaces(part: Any, enclosing: str) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(part, list):
        return [_without_repeated_namespaces(item, enclosing) for item in part]
    if not isinstance(part, dict):
        return part
    own = part.get("namespace", enclosing)
    return {
        key: value if key == "default" else _without_repeated_namespaces(value, own)
        for key, value in part.items()
        if key != "namespace" or value != enclosing
    }
