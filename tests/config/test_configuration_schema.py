import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docs import generate_configuration_schema as generator

ROOT = Path(__file__).parents[2]


def test_the_schema_of_the_configuration_is_what_the_settings_say() -> None:
    assert generator.drift() is None


def test_a_changed_or_missing_schema_is_drift(tmp_path: Path) -> None:
    file = tmp_path / "configuration.schema.json"
    assert generator.drift(file) == "configuration.schema.json is missing"
    file.write_text(generator.text() + "\n")
    assert generator.drift(file) == "configuration.schema.json differs from the settings"


def test_a_wrong_argument_of_the_generator_is_a_usage_error() -> None:
    assert generator.main(["--chekc"]) == 2


def test_the_schema_knows_every_key_of_our_configurations_and_no_other() -> None:
    schema = json.loads(generator.text())
    for file in (ROOT / "examples" / "dispatcher.toml", ROOT / "deploy" / "dispatcher.toml"):
        _follow(schema, schema, tomllib.loads(file.read_text(encoding="utf-8")))


def _follow(whole: dict[str, Any], schema: dict[str, Any], table: Mapping[str, Any]) -> None:
    for part in [schema, *schema.get("anyOf", [])]:
        if "$ref" in part:
            return _follow(whole, whole["$defs"][part["$ref"].rpartition("/")[2]], table)
    assert set(schema.get("required", ())) <= set(table)
    for key, value in table.items():
        known = schema.get("properties", {})
        inner = known[key] if known else schema["additionalProperties"]
        if isinstance(value, Mapping):
            _follow(whole, inner, value)
    return None
