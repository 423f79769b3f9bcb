"""Clock, calendar, contracts, quotes and snapshots."""

from decimal import Decimal
from typing import Any

import pytest

from tests.alpaca import official
from tests.alpaca.client import Client

STRIKES = range(90, 115, 5)


def occ(strike: int, kind: str = "C", day: str = "261218") -> str:
    return f"AAPL{day}{kind}{strike * 1000:08d}"


@pytest.fixture
def chain(client: Client) -> Client:
    for strike in STRIKES:
        client.alpaca.quote(
            occ(strike), bid="4.9", ask="5.1", delta="0.512", implied_volatility="0.2531"
        )
    client.alpaca.quote(occ(100, "P"), bid="3", ask="3.2")
    client.alpaca.quote(occ(100, day="261127"), bid="1", ask="1.1")
    return client


def all_pages(client: Client, path: str, item: str, **query: str) -> list[Any]:
    pages: list[Any] = []
    token = ""
    while True:
        page = client.get(path, **query, **({"page_token": token} if token else {}))
        pages.append(page[item])
        if page["next_page_token"] is None:
            return pages
        token = page["next_page_token"]


def test_the_clock_tells_new_yorks_time_and_the_next_session(client: Client) -> None:
    clock = client.get("/v2/clock")
    client.alpaca.set_time("2026-11-25T21:00:00Z")  # the close before Thanksgiving
    closed = client.get("/v2/clock")

    assert (clock["is_open"], clock["next_close"]) == (True, "2026-11-24T16:00:00-05:00")
    assert (closed["is_open"], closed["next_open"]) == (False, "2026-11-27T09:30:00-05:00")


def test_the_calendar_knows_holidays_and_half_days_and_what_a_test_decrees(client: Client) -> None:
    def days() -> dict[str, str]:
        listed = client.get("/v2/calendar", start="2026-11-25", end="2026-11-30")
        return {each["date"]: each["close"] for each in listed}

    usual = days()
    client.alpaca.set_day("2026-11-30", closes=None)
    client.alpaca.set_day("2026-11-25", closes="12:30")

    assert usual == {"2026-11-25": "16:00", "2026-11-27": "13:00", "2026-11-30": "16:00"}
    assert days() == {"2026-11-25": "12:30", "2026-11-27": "13:00"}


def test_the_market_can_be_held_open_at_any_hour(client: Client) -> None:
    client.alpaca.set_time("2026-11-29T03:00:00Z")  # a Saturday night
    client.alpaca.set_hours("open")

    client.place("one")

    assert client.get("/v2/clock")["is_open"] is True
    assert client.find("one")["status"] == "filled"


def test_contracts_are_listed_in_pages_by_date_strike_and_type(chain: Client) -> None:
    path, query = "/v2/options/contracts", {"underlying_symbols": "AAPL"}
    pages = all_pages(
        chain,
        path,
        "option_contracts",
        **query,
        expiration_date="2026-12-18",
        type="call",
        strike_price_gte="95",
        limit="2",
    )

    assert [[each["symbol"] for each in page] for page in pages] == [
        [occ(95), occ(100)],
        [occ(105), occ(110)],
    ]
    soon = chain.get(path, **query)  # without a date: until the coming weekend
    assert [each["expiration_date"] for each in soon["option_contracts"]] == ["2026-11-27"]
    assert chain.get(f"{path}/{occ(95)}")["strike_price"] == "95"
    assert chain.send("GET", f"{path}/{occ(1)}").status_code == 404
    chain.alpaca.set_time("2026-11-28T15:00:00Z")
    assert chain.get(f"{path}/{occ(100, day='261127')}")["status"] == "inactive"
    assert chain.get(path, **query)["option_contracts"] == []


def test_a_chain_is_read_in_pages_with_greeks_and_volatility(chain: Client) -> None:
    pages = all_pages(
        chain,
        "/v1beta1/options/snapshots/AAPL",
        "snapshots",
        type="call",
        expiration_date="2026-12-18",
        feed="indicative",
        limit="2",
    )

    assert [len(page) for page in pages] == [2, 2, 1]
    snapshot = pages[0][occ(90)]
    assert snapshot["latestQuote"]["ap"] == Decimal("5.1")
    assert snapshot["greeks"]["delta"] == Decimal("0.512")
    assert snapshot["impliedVolatility"] == Decimal("0.2531")


def test_a_snapshot_may_lack_greeks_and_a_symbol_may_lack_a_quote(chain: Client) -> None:
    symbols = f"{occ(100, 'P')},{occ(7)}"
    snapshots = chain.get("/v1beta1/options/snapshots", symbols=symbols)["snapshots"]
    quotes = chain.get("/v1beta1/options/quotes/latest", symbols=symbols)["quotes"]
    trades = chain.get("/v1beta1/options/trades/latest", symbols=symbols)["trades"]

    assert list(snapshots) == list(quotes) == list(trades) == [occ(100, "P")]
    assert "greeks" not in snapshots[occ(100, "P")]


def test_stocks_have_quotes_trades_and_snapshots(client: Client) -> None:
    stocks = "/v2/stocks"
    quote = client.get(f"{stocks}/quotes/latest", symbols="AAPL,NIX")["quotes"]["AAPL"]

    assert (quote["bp"], quote["ap"]) == (Decimal("99.98"), Decimal("100.02"))
    assert client.get(f"{stocks}/AAPL/quotes/latest")["quote"] == quote
    assert client.get(f"{stocks}/trades/latest", symbols="AAPL")["trades"]["AAPL"]["p"] == 100
    assert client.get(f"{stocks}/AAPL/trades/latest")["trade"]["p"] == 100
    assert client.get(f"{stocks}/snapshots", symbols="AAPL")["AAPL"]["latestQuote"] == quote
    assert client.get(f"{stocks}/AAPL/snapshot")["latestQuote"] == quote


def test_every_path_of_the_documents_is_served(client: Client) -> None:
    def answer(method: str, path: str) -> int:
        named = path.replace("{activity_type}", "FILL").replace("{order_id}", "x")
        for name in ("symbol", "symbol_or_asset_id", "symbol_or_id", "underlying_symbol"):
            named = named.replace(f"{{{name}}}", "AAPL")
        reply = client.send(method, named, checked=False)
        return 0 if reply.text == '{"message":"Not Found"}' else reply.status_code

    answers = {each: answer(*each) for each in sorted(official.served_paths())}

    assert len(answers) == 28
    assert {each: status for each, status in answers.items() if status in {0, 405, 500}} == {}


def test_the_judge_sees_an_answer_that_breaks_the_documents() -> None:
    order = {"notional": None, "type": "limit", "time_in_force": "day", "id": "7"}

    assert official.order_problems({**order, "id": "4f8bbd8e-5bd5-4bd5-8a8f-2d6d9a8a4a51"}) == []
    assert len(official.order_problems({**order, "status": "done", "qty": 1})) == 3
