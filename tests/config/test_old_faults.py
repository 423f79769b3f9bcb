"""The faults of the service this replaces, as far as configuration is concerned."""

from pathlib import Path

import pytest

from consumers.errors import ConfigurationError, NotFoundError
from consumers.settings import Settings, load_settings

PLAIN = """
[kafka]
bootstrap_servers = "127.0.0.1:9092"
[registry]
url = "http://127.0.0.1:8081"
[accounts.large-100k]
mode = "SIMULATED"
preset = "large"
start_from = "latest"
starting_cash = 100_000
"""


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "dispatcher.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, {})


@pytest.mark.parametrize(
    "text",
    [
        "kafka:\n  bootstrap_servers: 127.0.0.1:9092\naccounts:\n  tiny:\n    mode: SIMULATED\n",
        '{"confidence_min": 0.55, "max_open_positions": 5}',
        "",
        PLAIN + "[accounts.large-100k.limits]\nmax_open_position = 5\n",
        PLAIN + '[accounts.large-100k.limits]\nmax_open_positions = "five"\n',
    ],
    ids=["yaml", "json", "empty", "a-key-misspelt", "a-value-of-another-type"],
)
def test_fault_a_config_in_the_wrong_format_was_silently_replaced_by_defaults(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path, text)


@pytest.mark.parametrize("name", ["large", "large-default", "LARGE-100K", ""])
def test_fault_three_names_of_one_account_were_mixed_up_so_that_gates_were_off(
    tmp_path: Path, name: str
) -> None:
    settings = load(tmp_path, PLAIN)

    assert settings.account("large-100k").account == "large-100k"
    with pytest.raises(NotFoundError, match="configured are: large-100k"):
        settings.account(name)
