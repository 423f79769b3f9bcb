"""Market data is counted: no request is sent that would be turned away for their number."""

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from brokers.alpaca.credentials import Credentials
from brokers.alpaca.data import AlpacaData
from brokers.alpaca.rate import RateBudget
from brokers.errors import BrokerUnavailable, CredentialsRefused, QuestionRefused
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


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_question_that_is_refused_in_the_brokers_own_words_is_neither_outage_nor_refused_key(
    alpaca: AlpacaControl, data: AlpacaData, status: int
) -> None:
    body = '{"message": "subscription does not permit querying recent SIP data"}'
    alpaca.fault("body", status=status, body=body, method="GET", path="/v2/stocks/.*")

    with pytest.raises(QuestionRefused, match=f"HTTP {status}"):
        data.stock_snapshot("MSFT")


def test_a_key_that_is_refused_in_alpacas_own_words_is_refused(
    alpaca: AlpacaControl, data: AlpacaData
) -> None:
    alpaca.fault(
        "body", status=403, body='{"message": "forbidden."}', method="GET", path="/v2/stocks/.*"
    )

    with pytest.raises(CredentialsRefused, match="HTTP 403"):
        data.stock_snapshot("MSFT")


@pytest.mark.parametrize(("status", "body"), [(403, "<html>blocked</html>"), (502, "{}")])
def test_what_somebody_in_between_answers_is_an_outage(
    alpaca: AlpacaControl, data: AlpacaData, status: int, body: str
) -> None:
    alpaca.fault("body", status=status, body=body, method="GET", path="/v2/stocks/.*")

    with pytest.raises(BrokerUnavailable, match=f"HTTP {status}") as raised:
        data.stock_snapshot("MSFT")

    assert type(raised.value) is BrokerUnavailable
