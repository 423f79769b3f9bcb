"""Market data is counted: no request is sent that would be turned away for their number."""

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from brokers.alpaca.credentials import Credentials
from brokers.alpaca.data import AlpacaData
from brokers.alpaca.rate import RateBudget
from brokers.errors import BrokerUnavailable, CredentialsRefused
from stack.alpaca_server.control import AlpacaControl


@pytest.fixture
def data(alpaca: AlpacaControl) -> Iterator[AlpacaData]:
    account = alpaca.add_account("PA1")
    alpaca.quote("MSFT", bid="99.98", ask="100.02")
    keys = Credentials(SecretStr(account.key_id), SecretStr(account.secret_key))
    found = AlpacaData(alpaca.url, keys, 2.0, RateBudget(time.monotonic, time.time))
    yield found
    found.close()


def test_nobody_asks_once_the_requests_of_a_minute_are_used_up(
    alpaca: AlpacaControl, data: AlpacaData
) -> None:
    alpaca.rate_limit(3)
    for _ in range(3):
        assert data.stock_snapshot("MSFT") is not None

    with pytest.raises(BrokerUnavailable, match="requests of this minute are used up"):
        data.stock_snapshot("MSFT")

    assert [request["status"] for request in alpaca.requests()] == [200, 200, 200]


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_no_outage(
    alpaca: AlpacaControl, data: AlpacaData, status: int
) -> None:
    alpaca.fault("body", status=status, body="{}", method="GET", path="/v2/stocks/.*")

    with pytest.raises(CredentialsRefused, match=f"HTTP {status}"):
        data.stock_snapshot("MSFT")
