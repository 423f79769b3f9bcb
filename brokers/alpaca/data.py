"""Alpaca's market data through alpaca-py's own clients, made safe: bounded, exact, asked once."""

from http import HTTPStatus
from typing import Any

from requests import RequestException, Response

from brokers.alpaca.bodies import ErrorBody, exact_json, read
from brokers.alpaca.classify import refuses_key, refuses_question
from brokers.alpaca.credentials import Credentials
from brokers.alpaca.rate import RateBudget
from brokers.alpaca.transport import HardenedSession, in_words
from brokers.errors import BrokerUnavailable, CredentialsRefused, QuestionRefused


class _ExactSession(HardenedSession):
    """Counts requests; answers with numbers that are Decimals, where requests has floats."""

    def __init__(self, deadline_s: float, budget: RateBudget) -> None:
        super().__init__(deadline_s)
        self._budget = budget

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> Response:  # type: ignore[override]  # noqa: ANN401 -- as requests has them
        self._budget.sending()
        response = super().request(method, url, **options)
        told = {name.lower(): value for name, value in response.headers.items()}
        self._budget.told(told)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._budget.exhausted(told)
        response.json = lambda **_: exact_json(response.content)  # type: ignore[method-assign]
        return response


class AlpacaData:
    """Quotes of stocks and options; raw bodies, as Alpaca wrote them."""

    def __init__(
        self, url: str, credentials: Credentials, deadline_s: float, budget: RateBudget
    ) -> None:
        """Ask `url`, such as ``https://data.alpaca.markets``; nothing is asked yet."""
        self._budget = budget
        # They take a second to import, and most commands ask for no market.
        from alpaca.data.historical.option import OptionHistoricalDataClient  # noqa: PLC0415
        from alpaca.data.historical.stock import StockHistoricalDataClient  # noqa: PLC0415

        keys: dict[str, Any] = {
            "api_key": credentials.key_id.get_secret_value(),
            "secret_key": credentials.secret.get_secret_value(),
        }
        self._stocks = StockHistoricalDataClient(**keys, raw_data=True, url_override=url)
        self._options = OptionHistoricalDataClient(**keys, raw_data=True, url_override=url)
        self._session = _ExactSession(deadline_s, budget)
        for client in (self._stocks, self._options):
            client._session = self._session  # noqa: SLF001 -- the one place where they can be bounded
            client._retry = 0  # noqa: SLF001 -- as above

    def stock_snapshot(self, ticker: str) -> Any:  # noqa: ANN401 -- a foreign body
        """Return a stock's latest quote and trade, None where it has none.

        Raises:
            BrokerUnavailable: No answer could be had, or the account's requests are used up;
                `CredentialsRefused` where our key is not known, `QuestionRefused` where there are
                no data for this.
        """
        from alpaca.data.requests import StockSnapshotRequest  # noqa: PLC0415 -- as above

        asked = StockSnapshotRequest(symbol_or_symbols=[ticker])
        return _entry(self._asked(self._stocks.get_stock_snapshot, asked), ticker)

    def option_snapshots(self, symbols: list[str]) -> dict[str, Any]:
        """Return the snapshots of option contracts by their OCC symbols, all pages.

        Raises:
            BrokerUnavailable: As for `stock_snapshot`.
        """
        from alpaca.data.requests import OptionSnapshotRequest  # noqa: PLC0415 -- as above

        asked = OptionSnapshotRequest(symbol_or_symbols=symbols)
        found = self._asked(self._options.get_option_snapshot, asked)
        return found if isinstance(found, dict) else {}

    def _asked(self, question: Any, asked: Any) -> Any:  # noqa: ANN401 -- alpaca-py's methods and requests
        from alpaca.common.exceptions import APIError  # noqa: PLC0415 -- as above

        if not self._budget.requests_free():
            raise BrokerUnavailable("no market data: the requests of this minute are used up")
        kind = BrokerUnavailable
        try:
            return question(asked)
        except (RequestException, OSError) as error:
            fault = f"no market data: {in_words(error)}"
        except APIError as error:
            fault = f"no market data: HTTP {error.status_code}"
            kind = _kind_of(error.status_code, str(error))
        except Exception as error:  # noqa: BLE001 -- what it makes of an odd body is anybody's guess
            fault = f"market data that cannot be read: {type(error).__name__}"
        # Raised out here, with no cause: the frames below hold the headers, and these the key.
        raise kind(fault)

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()


def _kind_of(status: int | None, body: str) -> type[BrokerUnavailable]:
    """Return what a refusal is: of our key, of this question, or no answer of the broker's at all.

    What 403 says with words of its own is about the question: a feed that is not subscribed to.
    """
    if status == HTTPStatus.UNAUTHORIZED:
        return CredentialsRefused
    try:
        found = exact_json(body.encode())
    except (ValueError, RecursionError):  # somebody in between has answered
        return BrokerUnavailable
    error = read(ErrorBody, found)
    if error is None:
        return CredentialsRefused if status == HTTPStatus.FORBIDDEN else BrokerUnavailable
    if refuses_key(status, error.code, error.message):
        return CredentialsRefused
    return QuestionRefused if refuses_question(status) else BrokerUnavailable


def _entry(found: Any, symbol: str) -> Any:  # noqa: ANN401 -- a foreign body
    return found.get(symbol) if isinstance(found, dict) else None
