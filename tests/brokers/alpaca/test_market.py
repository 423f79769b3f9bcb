"""The market at the fake, each request and answer as Alpaca's documents have it."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from immutables import Map
from pydantic import SecretStr

from brokers.alpaca.credentials import Credentials
from brokers.alpaca.data import AlpacaData
from brokers.alpaca.market import AlpacaMarket, ContractWindow
from brokers.alpaca.rate import RateBudget
from brokers.alpaca.transport import AlpacaHttp
from events.recommendation import StrategyType
from stack.alpaca_server.control import AlpacaControl
from tests.alpaca import official
from tests.builders import NOW, OPTION_SYMBOL, a_call, a_recommendation

WINDOW = ContractWindow(
    days=Map({StrategyType.SWING_TRADE: (7, 60)}),
    strike_share=Map({StrategyType.SWING_TRADE: Decimal("0.10")}),
    spread_share_max=Decimal("0.10"),
    open_interest_min=100,
    volume_min=100,
)
DEADLINE_S = 5.0
PAGE = 1_000


@pytest.fixture
def market(alpaca: AlpacaControl) -> Iterator[AlpacaMarket]:
    """The market of a stock at $300, as an account sees it."""
    alpaca.set_time(NOW.isoformat())
    account = alpaca.add_account("PA1")
    alpaca.quote("MSFT", bid="299.98", ask="300.02")
    keys = Credentials(SecretStr(account.key_id), SecretStr(account.secret_key))
    http = AlpacaHttp(alpaca.url, keys, DEADLINE_S, RateBudget(time.monotonic, time.time))
    data = AlpacaData(alpaca.url, keys, DEADLINE_S, RateBudget(time.monotonic, time.time))
    for way in (http, data):
        official.hold(way._session)  # noqa: SLF001 -- they offer no other way in
    yield AlpacaMarket(http, data, WINDOW)
    http.close()
    data.close()


def occ(strike: str) -> str:
    """Return the symbol of a call on MSFT that expires in a month."""
    return f"MSFT220414C{int(Decimal(strike) * 1000):08d}"


def test_a_stocks_market_is_its_quote_and_the_middle_of_it(market: AlpacaMarket) -> None:
    view = market.view(a_recommendation())

    assert view is not None
    assert (view.market.bid, view.market.ask) == (Decimal("299.98"), Decimal("300.02"))
    assert (view.market.reference_price, view.market.source) == (Decimal(300), "alpaca")
    assert view.option is None


def test_a_stock_that_nobody_quotes_has_no_market(market: AlpacaMarket) -> None:
    assert market.view(a_recommendation(ticker="TSLA")) is None


def test_a_contract_that_is_named_is_seen_as_it_stands_now(
    market: AlpacaMarket, alpaca: AlpacaControl
) -> None:
    alpaca.quote(OPTION_SYMBOL, bid="6.00", ask="6.20", delta="0.5", implied_volatility="0.25")

    view = market.view(a_call())

    assert view is not None
    assert view.option is not None
    assert (view.option.symbol, view.option.strike) == (OPTION_SYMBOL, Decimal(300))
    assert (view.option.bid, view.option.ask) == (Decimal("6.00"), Decimal("6.20"))
    assert (view.option.delta, view.option.iv) == (Decimal("0.5"), Decimal("0.25"))
    assert view.market.reference_price == Decimal("6.10")


def test_a_contract_that_is_not_listed_has_no_market(market: AlpacaMarket) -> None:
    assert market.view(a_call()) is None


def test_where_none_is_named_the_liquid_contract_nearest_to_the_money_is_taken(
    market: AlpacaMarket, alpaca: AlpacaControl
) -> None:
    # given: the nearest has a wide spread, the next nobody holds, one is nearer but out of time
    alpaca.quote(occ("300"), bid="4.00", ask="6.00")
    alpaca.quote(occ("305"), bid="4.90", ask="5.10")
    alpaca.instrument(occ("305"), open_interest=99)
    alpaca.quote(occ("290"), bid="4.90", ask="5.10")
    alpaca.quote("MSFT220318C00300000", bid="4.90", ask="5.10")

    view = market.view(a_call(option=None))

    assert view is not None
    assert view.option is not None
    assert view.option.symbol == occ("290")


def test_contracts_are_sought_on_all_pages(market: AlpacaMarket, alpaca: AlpacaControl) -> None:
    # given: more contracts than a page holds, the one at the money on the last
    alpaca.rate_limit(100_000)
    strikes = [Decimal(270) + Decimal("0.03") * number for number in range(PAGE)]
    for strike in strikes:
        alpaca.instrument(occ(str(strike)))
    alpaca.quote(occ("300"), bid="4.90", ask="5.10")
    alpaca.quote(occ(str(strikes[-1])), bid="5.10", ask="5.30")

    view = market.view(a_call(option=None))

    assert view is not None
    assert view.option is not None
    assert view.option.symbol == occ("300")
