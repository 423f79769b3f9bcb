"""Write the configuration's JSON Schema: ``python -m docs.generate_configuration_schema``.

``--check`` only compares. Editors that know TOML and JSON Schema complete and check
`dispatcher.toml` with it; what `dispatcher config check` says goes.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from consumers.settings import Settings
from docs.generated import drift_of, run

FILE: Final = Path(__file__).with_name("configuration.schema.json")
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BOUNDS: Final = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}


def text() -> str:
    """Return the whole schema."""
    schema = _plain(Settings.model_json_schema())
    account = schema["$defs"]["AccountSettings"]
    del account["properties"]["name"]  # the table's own name says it
    account["required"].remove("name")
    account["properties"]["broker_account_number"]["description"] = "Left out: sim-<account>."
    del account["properties"]["broker_account_number"]["default"]
    for table in ("LimitOverrides", "SpecialLimits"):
        for limit in schema["$defs"][table]["properties"].values():
            limit.pop("default", None)  # the preset says it
    whole = {"$schema": _DIALECT, "title": "Configuration of Dispatcher", **schema}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def drift(file: Path = FILE) -> str | None:
    """Return what is wrong with the file, in one sentence; None when it is as it must be."""
    return drift_of(file, text(), "settings")


def main(arguments: list[str]) -> int:
    """Run the command; exit code 6 when ``--check`` finds a difference, 2 on wrong usage."""
    return run(
        arguments,
        "docs.generate_configuration_schema",
        write=lambda: FILE.write_text(text(), encoding="utf-8"),
        drift=drift,
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    """Leave out titles that only repeat names, and what nobody may write."""
    if isinstance(value, Mapping):
        kept = {
            _BOUNDS.get(key, key): _plain(inner)
            for key, inner in value.items()
            if not (key == "title" and isinstance(inner, str))
        }
        if "description" in kept:
            kept["description"] = " ".join(str(kept["description"]).replace("``", "`").split())
        return kept
    if isinstance(value, list):
        return [_plain(inner) for inner in value if inner != "UNKNOWN"]
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
