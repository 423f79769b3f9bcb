from collections.abc import Iterator

import pytest

from stack.alpaca_server.control import AlpacaControl
from tests.alpaca.client import Client

OPEN = "2026-11-24T15:00:00Z"  # a Tuesday, half an hour after the opening


@pytest.fixture
def client(alpaca: AlpacaControl) -> Iterator[Client]:
    """An account of $100,000 on a market that is open, AAPL at 99.98 to 100.02."""
    alpaca.set_time(OPEN)
    account = alpaca.add_account("PA1")
    alpaca.quote("AAPL", bid="99.98", ask="100.02")
    client = Client(alpaca, account)
    yield client
    client.session.close()
