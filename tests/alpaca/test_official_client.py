"""Alpaca's own Python client, as it comes, finds nothing strange in the fake's answers."""

import asyncio
from datetime import date
from decimal import Decimal
from functools import partial
from threading import Thread
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.requests import OptionChainRequest, StockLatestQuoteRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetCalendarRequest,
    GetOptionContractsRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)
from alpaca.trading.stream import TradingStream

from tests.alpaca import official
from tests.alpaca.client import Client

CALL = "AAPL261218C00100000"


def held_to_the_documents(made: Any, client: Client) -> Any:  # noqa: ANN401 -- any of its clients
    found = made(client.account.key_id, client.account.secret_key, url_override=client.alpaca.url)
    judge = partial(official.check, numbers_allowed=True)
    found._session.hooks["response"].append(lambda answer, **_: judge(answer))  # noqa: SLF001 -- it offers no other way in
    return found


@pytest.fixture
def trading(client: Client) -> TradingClient:
    made: TradingClient = held_to_the_documents(TradingClient, client)
    return made


def limit_order(name: str, **more: Any) -> LimitOrderRequest:  # noqa: ANN401 -- the fields of a request
    return LimitOrderRequest(
        **{
            "symbol": "AAPL",
            "qty": 2,
            "side": OrderSide.BUY,
            "time_in_force": TimeInForce.DAY,
            "limit_price": 101,
            "client_order_id": name,
            **more,
        }
    )


def test_orders_are_placed_found_listed_and_cancelled(trading: TradingClient) -> None:
    placed: Any = trading.submit_order(limit_order("one"))
    waiting: Any = trading.submit_order(limit_order("two", limit_price=90))
    trading.cancel_order_by_id(waiting.id)

    found: Any = trading.get_order_by_client_id("one")
    everything: Any = trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True))
    assert placed.status.value == "pending_new"
    assert (found.status.value, found.filled_qty) == ("filled", "2")
    assert {each.status.value for each in everything} == {"filled", "canceled"}
    with pytest.raises(APIError) as taken:
        trading.submit_order(limit_order("one"))
    assert (taken.value.status_code, taken.value.code) == (422, 40010001)


def test_a_bracket_has_its_legs(trading: TradingClient) -> None:
    placed: Any = trading.submit_order(
        limit_order(
            "bracket",
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=110),
            stop_loss=StopLossRequest(stop_price=95),
        )
    )

    assert [leg.order_type.value for leg in placed.legs] == ["limit", "stop"]


def test_account_positions_clock_and_calendar_can_be_read(trading: TradingClient) -> None:
    trading.submit_order(limit_order("one"))

    account: Any = trading.get_account()
    positions: Any = trading.get_all_positions()
    clock: Any = trading.get_clock()
    days = trading.get_calendar(
        GetCalendarRequest(start=date(2026, 11, 25), end=date(2026, 11, 30))
    )
    asset: Any = trading.get_asset("AAPL")
    assert (account.account_number, account.pattern_day_trader) == ("PA1", None)
    assert (positions[0].symbol, Decimal(positions[0].qty)) == ("AAPL", Decimal(2))
    assert clock.is_open
    assert len(days) == 3
    assert asset.fractionable


def test_contracts_and_market_data_can_be_read(trading: TradingClient, client: Client) -> None:
    client.alpaca.quote(CALL, bid="4.9", ask="5.1", delta="0.5", implied_volatility="0.25")
    stocks = held_to_the_documents(StockHistoricalDataClient, client)
    options = held_to_the_documents(OptionHistoricalDataClient, client)

    listed: Any = trading.get_option_contracts(
        GetOptionContractsRequest(underlying_symbols=["AAPL"], expiration_date="2026-12-18")
    )
    quote = stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAPL"))
    chain = options.get_option_chain(OptionChainRequest(underlying_symbol="AAPL"))
    assert [each.symbol for each in listed.option_contracts] == [CALL]
    assert quote["AAPL"].ask_price == 100.02
    assert chain[CALL].greeks.delta == 0.5
    assert chain[CALL].implied_volatility == 0.25


def test_the_trading_stream_hears_of_a_fill(client: Client) -> None:
    heard: list[Any] = []
    stream: Any = TradingStream(
        client.account.key_id, client.account.secret_key, url_override=client.alpaca.stream_url
    )

    async def hear(update: Any) -> None:  # noqa: ANN401 -- a TradeUpdate
        heard.append(update)
        if update.event == "new":  # the first proves that it listens
            return
        await stream.stop_ws()

    stream.subscribe_trade_updates(hear)
    thread = Thread(target=lambda: asyncio.run(stream._run_forever()), daemon=True)  # noqa: SLF001 -- `run` prints
    thread.start()
    while client.alpaca.listeners("PA1") == 0:
        thread.join(0.01)
    client.place("one")
    thread.join(20)

    assert [update.event for update in heard] == ["new", "fill"]
    assert heard[1].order.client_order_id == "one"
    assert heard[1].price == 100.02
