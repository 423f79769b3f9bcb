"""An account at Alpaca: its keys come from the environment, its orders go to paper."""

from decimal import Decimal
from pathlib import Path

import pytest

from consumers.dispatcher.brokerage import contract_window
from consumers.errors import ConfigurationError
from consumers.foreign import HALTING, ForeignPolicy, OnForeign
from consumers.settings import Settings, load_settings
from consumers.settings_alpaca import STRIKE_SHARES
from consumers.settings_hash import config_hash
from events.recommendation import StrategyType

PLAIN = """
[kafka]
bootstrap_servers = "127.0.0.1:9092"
[registry]
url = "http://127.0.0.1:8081"
[accounts.paper]
mode = "ALPACA_PAPER"
preset = "large"
start_from = "latest"
starting_cash = 100_000
broker_account_number = "PA3ABCDEFGHI"
"""
KEY = "DISPATCHER__ACCOUNTS__PAPER__ALPACA__KEY_ID"
SECRET = "DISPATCHER__ACCOUNTS__PAPER__ALPACA__SECRET_KEY"  # noqa: S105 -- a variable's name
KEYS = {KEY: "PK123", SECRET: "hush-hush"}


def load(tmp_path: Path, text: str = PLAIN, **environ: str) -> Settings:
    """Return the settings of a file with `text`."""
    file = tmp_path / "dispatcher.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def refusal(tmp_path: Path, text: str = PLAIN, **environ: str) -> str:
    """Return the sentence by which they are refused."""
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, text, **environ)
    return str(raised.value)


def test_keys_come_from_the_environment_and_print_as_stars(tmp_path: Path) -> None:
    account = load(tmp_path, **KEYS).account("paper")

    assert account.alpaca is not None
    assert account.alpaca.credentials.secret.get_secret_value() == "hush-hush"
    assert "hush-hush" not in repr(account)
    assert account.alpaca.trading_url == "https://paper-api.alpaca.markets"


def test_a_secret_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush-hush\n", encoding="utf-8")

    account = load(tmp_path, **{KEY: "PK123", f"{SECRET}_FILE": str(secret)}).account("paper")

    assert account.alpaca is not None
    assert account.alpaca.credentials.secret.get_secret_value() == "hush-hush"


def test_a_secret_from_two_places_is_refused(tmp_path: Path) -> None:
    told = refusal(tmp_path, **KEYS, **{f"{SECRET}_FILE": "/nowhere"})

    assert "are both set" in told


def test_a_file_that_cannot_be_read_is_named_by_its_variable(tmp_path: Path) -> None:
    told = refusal(tmp_path, **{KEY: "PK123", f"{SECRET}_FILE": str(tmp_path / "none")})

    assert f"the file that {SECRET}_FILE names cannot be read" in told


def test_keys_in_the_shared_file_are_refused_unseen(tmp_path: Path) -> None:
    text = PLAIN + '[accounts.paper.alpaca]\nkey_id = "PK123"\nsecret_key = "hush-hush"\n'

    told = refusal(tmp_path, text)

    assert "must not be written into a file that is shared" in told
    assert "hush-hush" not in told


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('trading_url = "https://api.alpaca.markets"', "real money is not traded from here"),
        (
            'trading_url = "https://api.alpaca.markets"\nallow_other_hosts = true',
            "trading_url: 'api.alpaca.markets' is Alpaca's",
        ),
        (
            'stream_url = "wss://api.alpaca.markets/stream"\nallow_other_hosts = true',
            "stream_url: 'api.alpaca.markets' is Alpaca's",
        ),
        ('trading_url = "http://paper-api.alpaca.markets"', "in the clear"),
        ('stream_url = "wss://example.com/stream"', "neither paper-api.alpaca.markets"),
        ("http_deadline_ms = 20_000", "tuning.answer_within_ms must be at least 23000"),
        ('tradingurl = "x"', "tradingurl is not a known key"),
    ],
)
def test_what_could_reach_real_money_is_refused_in_words(
    tmp_path: Path, line: str, sentence: str
) -> None:
    assert sentence in refusal(tmp_path, f"{PLAIN}[accounts.paper.alpaca]\n{line}\n", **KEYS)


def test_the_brokers_number_of_the_account_must_be_said(tmp_path: Path) -> None:
    text = PLAIN.replace('broker_account_number = "PA3ABCDEFGHI"\n', "")

    assert "broker_account_number is missing" in refusal(tmp_path, text, **KEYS)


def test_a_simulated_account_has_no_keys(tmp_path: Path) -> None:
    text = PLAIN.replace("ALPACA_PAPER", "SIMULATED")

    assert 'an alpaca table needs mode = "ALPACA_PAPER"' in refusal(tmp_path, text, **KEYS)


def test_other_keys_are_the_same_configuration_and_another_host_is_not(tmp_path: Path) -> None:
    account = load(tmp_path, **KEYS).account("paper")
    rotated = load(tmp_path, **(KEYS | {SECRET: "another"})).account("paper")
    text = f'{PLAIN}[accounts.paper.alpaca]\ntrading_url = "http://127.0.0.1:1"\n'
    elsewhere = load(tmp_path, text, **KEYS).account("paper")

    assert config_hash(account) == config_hash(rotated)
    assert config_hash(account) != config_hash(elsewhere)


def test_a_missing_key_names_the_variable_that_holds_it(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, **{KEY: "PK123"})

    assert f"alpaca.secret_key is missing: set {SECRET}, or the same with _FILE" in sentence


def test_a_key_that_was_copied_with_a_line_end_is_refused_without_being_told(
    tmp_path: Path,
) -> None:
    sentence = refusal(tmp_path, **{KEY: "PK123", SECRET: "hush-hush\nhush"})

    assert "printable characters" in sentence
    assert "hush" not in sentence


def test_what_is_not_ours_halts_unless_the_account_says_otherwise(tmp_path: Path) -> None:
    plain = load(tmp_path, **KEYS).account("paper").alpaca
    table = '[accounts.paper.alpaca]\non_foreign_orders = "REPORT"\n'
    told = load(tmp_path, PLAIN + table, **KEYS).account("paper").alpaca

    assert plain is not None
    assert told is not None
    assert plain.foreign == HALTING
    assert told.foreign == ForeignPolicy(orders=OnForeign.REPORT, positions=OnForeign.HALT)
    wrong = PLAIN + '[accounts.paper.alpaca]\non_foreign_positions = "ignore"\n'
    assert "on_foreign_positions should be 'HALT' or 'REPORT'" in refusal(tmp_path, wrong, **KEYS)


def test_how_far_a_strike_may_be_is_overridden_by_strategy(tmp_path: Path) -> None:
    table = "[accounts.paper.alpaca]\noption_strike_share = { swing_trade = 0.2 }\n"

    account = load(tmp_path, PLAIN + table, **KEYS).account("paper")

    assert account.alpaca is not None
    window = contract_window(account.limits(), account.alpaca)
    assert dict(window.strike_share) == STRIKE_SHARES | {StrategyType.SWING_TRADE: Decimal("0.2")}
    assert config_hash(account) != config_hash(load(tmp_path, **KEYS).account("paper"))


@pytest.mark.parametrize("share", ["0", "-0.1", "1.01", '"a lot"', "true"])
def test_a_strike_share_that_makes_no_sense_is_refused(tmp_path: Path, share: str) -> None:
    table = f"[accounts.paper.alpaca]\noption_strike_share = {{ swing_trade = {share} }}\n"

    assert "option_strike_share.swing_trade" in refusal(tmp_path, PLAIN + table, **KEYS)


def test_a_strike_share_of_no_strategy_is_refused(tmp_path: Path) -> None:
    table = f"[accounts.paper.alpaca]\noption_strike_share = {{ {StrategyType.UNKNOWN} = 0.1 }}\n"

    assert "no strategy is called" in refusal(tmp_path, PLAIN + table, **KEYS)


def test_how_many_days_a_contract_may_have_left_is_its_gates_to_say(tmp_path: Path) -> None:
    table = """[accounts.paper.limits]
option_days_to_expiry_min = { swing_trade = 3 }
option_days_to_expiry_max = { swing_trade = 9 }
"""

    account = load(tmp_path, PLAIN + table, **KEYS).account("paper")

    assert account.alpaca is not None
    days = contract_window(account.limits(), account.alpaca).days
    assert days[StrategyType.SWING_TRADE] == (3, 9)
    usual = load(tmp_path, **KEYS).account("paper").limits()
    day = StrategyType.DAY_TRADE
    least, most = usual.option_days_to_expiry_min[day], usual.option_days_to_expiry_max[day]
    assert days[day] == (least, most)


def two_accounts(number: str) -> str:
    """Return a configuration with an account beside the plain one, of this number."""
    _, _, table = PLAIN.partition("[accounts.paper]")
    return f"{PLAIN}[accounts.second]{table}".replace("PA3ABCDEFGHI", number).replace(
        number, "PA3ABCDEFGHI", 1
    )


def keys_of_the_second(key_id: str) -> dict[str, str]:
    """Return the variables with both accounts' keys."""
    names = (name.replace("PAPER", "SECOND") for name in KEYS)
    return KEYS | dict(zip(names, (key_id, "sesame"), strict=True))


def test_two_names_for_one_account_at_the_broker_are_refused(tmp_path: Path) -> None:
    told = refusal(tmp_path, two_accounts("PA3ABCDEFGHI"), **keys_of_the_second("PK456"))

    assert "accounts paper and second have the same broker_account_number" in told


def test_one_key_for_two_accounts_is_refused_unseen(tmp_path: Path) -> None:
    told = refusal(tmp_path, two_accounts("PA3000000000"), **keys_of_the_second("PK123"))

    assert "accounts paper and second have the same alpaca.key_id" in told
    assert "PK123" not in told


def test_two_accounts_at_the_broker_are_two(tmp_path: Path) -> None:
    settings = load(tmp_path, two_accounts("PA3000000000"), **keys_of_the_second("PK456"))

    assert sorted(settings.accounts) == ["paper", "second"]
