"""A paper account of yours: `DISPATCHER_TEST_PAPER_ACCOUNT` names it in your configuration."""

import os
from collections.abc import Iterator

import pytest

from brokers.alpaca.broker import AlpacaPaperBroker
from consumers.dispatcher.brokerage import wire
from consumers.settings import load_settings
from consumers.settings_account import AccountSettings

VARIABLE = "DISPATCHER_TEST_PAPER_ACCOUNT"


@pytest.fixture
def account() -> AccountSettings:
    """The account as it is configured; its keys come from the environment, as ever."""
    name = os.environ.get(VARIABLE)
    assert name, f"set {VARIABLE} to the account of your configuration that may trade a share"
    return load_settings(None, os.environ).account(name)


@pytest.fixture
def broker(account: AccountSettings) -> Iterator[AlpacaPaperBroker]:
    """Its broker, listening; afterwards it hears no more."""
    broker, _ = wire(account)
    assert isinstance(broker, AlpacaPaperBroker), f'{account.name} is not mode = "ALPACA_PAPER"'
    broker.listen()
    yield broker
    broker.hush()
    broker.http.close()
