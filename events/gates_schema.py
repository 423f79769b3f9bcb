"""The one shape of gates that is read and written without their schema's help."""

from typing import Any, Final

_FIELDS: Final = ("gate", "verdict", "reason", "observed", "threshold")


def verdict_symbols(schema: Any) -> list[str] | None:  # noqa: ANN401 -- JSON
    """Return the verdicts of an array of gates in their order, None where it has another shape.

    That shape is a gate's name, its verdict, and three texts, in this order.
    """
    items = schema.get("items") if isinstance(schema, dict) else None
    fields = items.get("fields", ()) if isinstance(items, dict) else ()
    if tuple(field["name"] for field in fields) != _FIELDS:
        return None
    types = [field["type"] for field in fields]
    verdict = types.pop(1)
    symbols = verdict.get("symbols") if isinstance(verdict, dict) else None
    return None if any(one != "string" for one in types) else symbols
