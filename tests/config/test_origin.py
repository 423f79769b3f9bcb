from pathlib import Path

import pytest

from consumers.errors import ConfigurationError
from consumers.settings_origin import Setting, SourceKind, explained, masked

TEXT = """\
[kafka]
bootstrap_servers = "127.0.0.1:9092" # not environment = "production"

[registry]
url = "http://user:hush@127.0.0.1:8081"
[postgres]
dsn = "postgresql://somebody:hush@127.0.0.1/db"

[accounts.large-default]
mode = "SIMULATED"
preset = "large"
start_from = "latest"
starting_cash = 100_000
simulation = { slippage_bps = 7 }
tuning.max_batch = 50

  [accounts."large-default".limits] # overrides
  max_open_positions = 3
  disabled_gates = [
    "ticker_cooldown",
  ]
  [accounts.large-default.limits.confidence_min.STOCK]
  day_trade = 0.5
"""


def _values(tmp_path: Path, **environ: str) -> dict[str, Setting]:
    file = tmp_path / "dispatcher.toml"
    file.write_text(TEXT, encoding="utf-8")
    return {one.key: one for one in explained(file, environ).values}


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("kafka.bootstrap_servers", "127.0.0.1:9092", 2),
        ("accounts.large-default.starting_cash", "100000", 13),
        ("accounts.large-default.simulation.slippage_bps", 7, 14),
        ("accounts.large-default.tuning.max_batch", 50, 15),
        ("accounts.large-default.limits.max_open_positions", 3, 18),
        ("accounts.large-default.limits.disabled_gates", "ticker_cooldown", 19),
        ("accounts.large-default.limits.confidence_min.STOCK.day_trade", "0.5", 23),
    ],
)
def test_what_the_file_says_is_found_by_its_line(
    tmp_path: Path, key: str, value: object, line: int
) -> None:
    found = _values(tmp_path)[key]

    assert found.source is SourceKind.FILE
    assert found.where == f"{tmp_path / 'dispatcher.toml'}:{line}"
    assert found.value == value


def test_what_the_environment_says_names_its_variable(tmp_path: Path) -> None:
    variable = "DISPATCHER__ACCOUNTS__LARGE_DEFAULT__LIMITS__MAX_OPEN_POSITIONS"

    found = _values(tmp_path, **{variable: "4"})["accounts.large-default.limits.max_open_positions"]

    assert (found.value, found.source, found.where) == (4, SourceKind.ENVIRONMENT, variable)


def test_presets_and_defaults_are_told_apart(tmp_path: Path) -> None:
    values = _values(tmp_path)

    cooldown = values["accounts.large-default.limits.ticker_cooldown_minutes"]
    assert (cooldown.value, cooldown.source, cooldown.where) == (15, SourceKind.PRESET, "large")
    confidence = values["accounts.large-default.limits.confidence_min.CALL.day_trade"]
    assert (confidence.value, confidence.source) == ("0.60", SourceKind.PRESET)
    environment = values["kafka.environment"]
    assert (environment.value, environment.source) == ("development", SourceKind.DEFAULT)


def test_no_value_is_told_twice_and_none_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "dispatcher.toml"
    file.write_text(TEXT, encoding="utf-8")
    keys = [one.key for one in explained(file, {}).values]

    assert len(keys) == len(set(keys))
    tables = {key.rpartition(".")[0] for key in keys}
    assert {"kafka", "registry", "postgres", "accounts.large-default"} <= tables
    assert {f"accounts.large-default.{one}" for one in ("limits", "simulation", "tuning")} <= tables


def test_no_password_is_told(tmp_path: Path) -> None:
    values = _values(tmp_path)

    assert "hush" not in str(values)
    assert values["postgres.dsn"].value == "postgresql://somebody:***@127.0.0.1/db"
    assert values["registry.url"].value == "http://user:***@127.0.0.1:8081"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://u@h:1/d", "postgresql://u@h:1/d"),
        ("postgresql://u:a@b:c/d@h/d", "postgresql://u:***@h/d"),
        ("postgresql://:hush@h/d", "postgresql://:***@h/d"),
        ("postgresql://h/d?password=hush", "***"),
        ("postgresql://u@h/d?sslpassword=hush", "***"),
        ("host=h password=hush", "***"),
        ("", "***"),
    ],
)
def test_what_cannot_be_told_apart_from_a_password_is_hidden(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_a_faulty_key_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "dispatcher.toml"
    file.write_text(TEXT.replace("preset =", "presett ="), encoding="utf-8")

    with pytest.raises(
        ConfigurationError, match=r"accounts\.large-default\.presett is not a known"
    ):
        explained(file, {})
