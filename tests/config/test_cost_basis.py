"""How an account reckons its profit is written down when it is opened, and stays."""

from dataclasses import replace
from pathlib import Path

import pytest

from consumers.dispatcher.opening import account_opened, check_identity
from consumers.errors import ConfigurationError
from consumers.settings import load_settings
from consumers.settings_account import AccountSettings
from events.account import CostBasis
from tests.builders import NOW, an_author

EXAMPLE = Path(__file__).parents[2] / "examples" / "dispatcher.toml"


def settings_with(basis: str | None, tmp_path: Path) -> AccountSettings:
    line = "" if basis is None else f'cost_basis = "{basis}"\n'
    text = EXAMPLE.read_text().replace("starting_cash = 1_000\n", f"starting_cash = 1_000\n{line}")
    file = tmp_path / "dispatcher.toml"
    file.write_text(text)
    return load_settings(file, {}).account("tiny")


@pytest.mark.parametrize(
    ("configured", "opened"),
    [(None, CostBasis.AVERAGE), ("AVERAGE", CostBasis.AVERAGE), ("FIFO", CostBasis.FIFO)],
)
def test_an_account_is_opened_with_the_cost_basis_it_is_configured_for(
    configured: str | None, opened: CostBasis, tmp_path: Path
) -> None:
    event = account_opened(an_author(), settings_with(configured, tmp_path), NOW, first_offset=0)

    assert event.cost_basis is opened


@pytest.mark.parametrize("basis", ["UNKNOWN", "LIFO"])
def test_a_cost_basis_that_does_not_exist_is_refused(basis: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cost_basis"):
        settings_with(basis, tmp_path)


def test_an_account_that_was_opened_by_average_never_turns_to_first_in_first_out(
    tmp_path: Path,
) -> None:
    average = settings_with(None, tmp_path)
    opened = account_opened(an_author(), average, NOW, first_offset=0)
    number = average.broker_account_number

    check_identity(opened, average, number)
    check_identity(
        replace(opened, cost_basis=CostBasis.FIFO), settings_with("FIFO", tmp_path), number
    )
    with pytest.raises(ConfigurationError, match="cost basis AVERAGE and is configured with FIFO"):
        check_identity(opened, settings_with("FIFO", tmp_path), number)
