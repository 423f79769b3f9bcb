"""What the doctor finds of an account at the broker, by questions alone."""

from pathlib import Path

import pytest

from consumers.doctor.broker_checks import check_broker
from consumers.doctor.finding import Finding, Verdict
from consumers.settings import load_settings
from consumers.settings_account import AccountSettings
from stack.alpaca_server.control import AlpacaAccount, AlpacaControl


@pytest.fixture
def theirs(alpaca: AlpacaControl) -> AlpacaAccount:
    """The account as the broker has it, SPY quoted."""
    alpaca.quote("SPY", bid="499.99", ask="500.01")
    return alpaca.add_account("PA1")


@pytest.fixture
def ours(alpaca: AlpacaControl, theirs: AlpacaAccount, tmp_path: Path) -> AccountSettings:
    """The account as it is configured."""
    file = tmp_path / "dispatcher.toml"
    file.write_text(
        f"""
[kafka]
bootstrap_servers = "127.0.0.1:9"
[registry]
url = "http://127.0.0.1:9"
[accounts.paper]
mode = "ALPACA_PAPER"
preset = "large"
start_from = "latest"
starting_cash = 100_000
broker_account_number = "PA1"
[accounts.paper.alpaca]
trading_url = "{alpaca.url}"
data_url = "{alpaca.url}"
stream_url = "{alpaca.stream_url}"
http_deadline_ms = 2000
"""
    )
    variable = "DISPATCHER__ACCOUNTS__PAPER__ALPACA__"
    keys = {f"{variable}KEY_ID": theirs.key_id, f"{variable}SECRET_KEY": theirs.secret_key}
    return load_settings(file, keys).account("paper")


def found(ours: AccountSettings, *, later_s: float = 0) -> dict[str, Finding]:
    """Return the findings by what they are about."""
    findings = check_broker(ours, later_s)
    return {finding.check.removesuffix(" paper"): finding for finding in findings}


def test_a_key_that_fits_is_told_by_its_account_its_options_and_its_clock(
    ours: AccountSettings, alpaca: AlpacaControl
) -> None:
    findings = found(ours)

    assert {name: finding.verdict for name, finding in findings.items()} == dict.fromkeys(
        ("broker", "options", "broker clock", "quotes"), Verdict.OK
    )
    assert findings["broker"].says == "paper account PA1, ACTIVE"
    assert "level" in findings["options"].says
    assert {request["method"] for request in alpaca.requests()} == {"GET"}


def test_a_key_of_another_account_is_found(ours: AccountSettings, alpaca: AlpacaControl) -> None:
    alpaca.add_account("PA2")
    alpaca.swap_keys("PA1", "PA2")

    broker = found(ours)["broker"]

    assert (broker.verdict, broker.exit_code) == (Verdict.FAIL, 3)
    assert broker.says == "the key opens account PA2, configured is PA1"


def test_a_key_that_is_not_known_is_found_with_the_variables_to_set(
    ours: AccountSettings, alpaca: AlpacaControl
) -> None:
    alpaca.fault(
        "body", status=401, body='{"message":"unauthorized."}', method="GET", path="/v2/account"
    )

    [broker] = found(ours).values()

    assert (broker.verdict, broker.exit_code) == (Verdict.FAIL, 3)
    assert "DISPATCHER__ACCOUNTS__PAPER__ALPACA__KEY_ID" in broker.cure


def test_an_account_that_may_not_trade_and_one_without_options_are_found(
    ours: AccountSettings, alpaca: AlpacaControl
) -> None:
    alpaca.change_account("PA1", trading_blocked=True, options_level=0)

    findings = found(ours)

    assert findings["broker"].says == "paper account PA1 may not trade: trading is blocked"
    assert findings["options"].verdict is Verdict.WARN
    assert "CALL and PUT advice will be rejected" in findings["options"].says


def test_a_clock_that_is_not_the_brokers_is_worth_a_look(ours: AccountSettings) -> None:
    clock = found(ours, later_s=7)["broker clock"]

    assert (clock.verdict, clock.cure.split()[0]) == (Verdict.WARN, "timedatectl")


def test_a_broker_that_does_not_answer_and_missing_quotes_are_services_that_are_unreachable(
    ours: AccountSettings, alpaca: AlpacaControl
) -> None:
    alpaca.fault("html", status=503, method="GET", path="/v2/stocks/.*")
    quotes = found(ours)["quotes"]
    alpaca.refuse_connections()
    [broker] = found(ours).values()

    assert {quotes.exit_code, broker.exit_code} == {7}
    assert "alpaca.trading_url" in broker.cure
