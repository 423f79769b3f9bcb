"""How orders live and end at the fake Alpaca."""

from decimal import Decimal

import pytest

from stack.alpaca_server.control import AlpacaControl
from tests.alpaca.client import Client


def test_an_order_is_answered_as_pending_new_and_filled_at_the_far_side(client: Client) -> None:
    answered = client.place("one", qty="3")

    found = client.find("one")
    assert (answered["status"], answered["filled_qty"]) == ("pending_new", "0")
    assert answered["filled_avg_price"] is None
    assert answered["order_class"] == ""
    assert answered["expires_at"] == "2026-11-24T21:00:00Z"
    assert (found["status"], found["filled_qty"]) == ("filled", "3")
    assert found["filled_avg_price"] == "100.02"
    assert found["position_intent"] == "buy_to_open"


def test_a_fill_moves_position_and_cash_and_is_an_activity_without_client_order_id(
    client: Client,
) -> None:
    client.place("one", qty="0.057436865", type="market")

    position = client.get("/v2/positions/AAPL")
    account = client.get("/v2/account")
    [activity] = client.get("/v2/account/activities/FILL")
    assert (position["qty"], position["qty_available"]) == ("0.057436865", "0.057436865")
    assert account["cash"] == "99994.26"  # whole cents
    assert (activity["cum_qty"], activity["leaves_qty"]) == ("0.057436865", "0")
    assert activity["order_id"] == client.find("one")["id"]
    assert "client_order_id" not in activity
    assert activity["id"].startswith("20261124100000000::")  # New York's time
    assert activity["transaction_time"].startswith("2026-11-24T15:00:00")


def test_an_order_by_amount_buys_what_the_amount_pays(client: Client) -> None:
    answered = client.place("five dollars", qty=None, notional="5", type="market")

    assert (answered["qty"], answered["notional"]) == (None, "5")
    assert client.find("five dollars")["filled_qty"] == "0.049990001"
    assert client.find("five dollars")["status"] == "filled"


def test_a_limit_out_of_reach_waits_and_fills_when_the_market_comes(client: Client) -> None:
    client.place("patient", limit_price="99")
    waiting = client.find("patient")

    client.alpaca.quote("AAPL", bid="98.8", ask="98.9")

    assert waiting["status"] == "new"
    assert client.find("patient")["filled_avg_price"] == "98.9"


def test_a_large_order_fills_in_parts_as_far_as_each_quote_goes(client: Client) -> None:
    client.alpaca.quote("AAPL", bid="99", ask="100", ask_size="4")
    client.place("large", qty="10")
    first = client.find("large")
    client.alpaca.quote("AAPL", bid="99", ask="100.5", ask_size="100")

    last = client.find("large")
    fills = client.get("/v2/account/activities/FILL", direction="asc")
    assert (first["status"], first["filled_qty"]) == ("partially_filled", "4")
    assert (last["status"], last["filled_avg_price"]) == ("filled", "100.3")
    assert [(each["type"], each["cum_qty"], each["leaves_qty"]) for each in fills] == [
        ("partial_fill", "4", "6"),
        ("fill", "10", "0"),
    ]


def test_a_test_decides_when_an_order_is_taken_in_filled_or_rejected(client: Client) -> None:
    alpaca = client.alpaca
    alpaca.habits(accept_after_ms=None, fill_after_ms=None)
    statuses = []
    client.place("one", qty="2")
    client.place("two", qty="2")
    statuses.append(client.find("one")["status"])
    alpaca.accept("PA1", "one")
    statuses.append(client.find("one")["status"])
    alpaca.fill("PA1", "one", qty="0.5", price="99.999")
    statuses.append(client.find("one")["status"])
    alpaca.fill("PA1", "one", price="100")
    alpaca.finish("PA1", "two", "rejected")

    assert statuses == ["pending_new", "new", "partially_filled"]
    assert client.find("one")["filled_avg_price"] == "99.99975"
    assert client.find("two")["status"] == "rejected"
    assert client.find("two")["failed_at"] is not None


def test_a_fill_that_is_late_comes_by_itself_on_the_fakes_clock(client: Client) -> None:
    client.alpaca.habits(fill_after_ms=30_000)
    client.place("late")
    before = client.find("late")["status"]

    client.alpaca.advance(31)

    assert before == "new"
    assert client.find("late")["status"] == "filled"


def test_a_cancelled_order_is_gone_at_once_and_cannot_be_cancelled_twice(client: Client) -> None:
    order = client.place("one", limit_price="90")
    first, second = client.cancel(order), client.cancel(order)

    assert (first.status_code, first.text) == (204, "")
    assert client.find("one")["canceled_at"] is not None
    assert second.status_code == 422
    assert second.json() == {
        "code": 42210000,
        "message": 'order is already in "canceled" state',
    }


def test_an_order_may_fill_while_it_is_being_cancelled(client: Client) -> None:
    client.alpaca.habits(cancel_after_ms=None)
    slow = client.place("slow", limit_price="90")
    assert client.cancel(slow).status_code == 204
    pending = client.find("slow")["status"]
    client.alpaca.fill("PA1", "slow")

    client.alpaca.habits(fill_while_cancelling=True)
    quick = client.place("quick", limit_price="90")

    assert pending == "pending_cancel"
    assert client.find("slow")["status"] == "filled"
    assert client.cancel(quick).status_code == 204
    assert client.find("quick")["filled_avg_price"] == "90"  # never past its limit


def test_a_part_may_still_be_filled_after_the_cancel(client: Client) -> None:
    order = client.place("one", qty="2", limit_price="90")
    client.cancel(order)

    client.alpaca.fill("PA1", "one", qty="0.5")

    late = client.find("one")
    assert (late["status"], late["filled_qty"]) == ("canceled", "0.5")
    assert client.get("/v2/positions/AAPL")["qty"] == "0.5"


def test_all_open_orders_can_be_cancelled_together(client: Client) -> None:
    open_ids = {client.place(name, limit_price="90")["id"] for name in ("a", "b")}
    client.place("filled")

    answer = client.send("DELETE", "/v2/orders")

    assert answer.status_code == 207
    assert {each["id"] for each in answer.json()} == open_ids
    assert client.get("/v2/orders") == []


def test_a_day_order_expires_at_the_close_and_a_gtc_order_does_not(client: Client) -> None:
    client.place("today", limit_price="90")
    client.place("longer", limit_price="90", time_in_force="gtc")

    client.alpaca.set_time("2026-11-24T21:00:01Z")

    assert client.find("today")["status"] == "expired"
    assert client.find("today")["expired_at"] is not None
    assert client.find("longer")["status"] == "new"


def test_an_order_placed_at_night_waits_for_the_opening(client: Client) -> None:
    client.alpaca.set_time("2026-11-24T23:00:00Z")
    client.place("night", type="market")
    at_night = client.find("night")
    client.alpaca.set_time("2026-11-25T14:31:00Z")

    assert at_night["status"] == "accepted"
    assert at_night["expires_at"] == "2026-11-25T21:00:00Z"
    assert client.find("night")["status"] == "filled"


def test_an_order_for_extended_hours_trades_before_the_opening(client: Client) -> None:
    client.alpaca.set_time("2026-11-24T12:00:00Z")
    order = client.place("early", extended_hours=True)

    assert order["expires_at"] == "2026-11-25T01:00:00Z"  # 20:00 in New York
    assert client.find("early")["status"] == "filled"


@pytest.mark.parametrize(("kind", "left"), [("ioc", "4"), ("fok", "0")])
def test_an_order_that_cannot_wait_is_cancelled_at_once(
    client: Client, kind: str, left: str
) -> None:
    client.alpaca.quote("AAPL", bid="99", ask="100", ask_size="4")
    client.place("now", qty="10", time_in_force=kind)

    assert client.find("now")["status"] == "canceled"
    assert client.find("now")["filled_qty"] == left


def test_orders_are_listed_by_status_time_side_and_symbol(client: Client) -> None:
    client.alpaca.quote("KO", bid="80", ask="81")
    filled = client.place("filled")
    working = client.place("working", limit_price="90")
    other = client.place("other", symbol="KO", limit_price="70")

    def names(**query: str) -> list[str]:
        return [each["client_order_id"] for each in client.get("/v2/orders", **query)]

    assert names() == ["other", "working"]
    assert names(status="all", direction="asc") == ["filled", "working", "other"]
    assert names(status="closed") == ["filled"]
    assert names(status="all", after=filled["submitted_at"], direction="asc") == [
        "working",
        "other",
    ]
    assert names(status="all", until=working["submitted_at"]) == ["filled"]
    assert names(status="all", symbols="KO") == ["other"]
    assert names(status="all", side="sell") == []
    assert names(status="all", limit="1") == ["other"]
    assert names(status="all", after_order_id=working["id"]) == ["other"]
    assert client.get(f"/v2/orders/{other['id']}")["client_order_id"] == "other"


def test_activities_are_read_page_by_page(client: Client) -> None:
    for number in range(5):
        client.place(f"order {number}")
    pages, token = [], ""
    while True:
        more = {"page_token": token} if token else {}
        page = client.get("/v2/account/activities/FILL", page_size="2", direction="asc", **more)
        pages.append(page)
        if len(page) < 2:
            break
        token = page[-1]["id"]

    read = [each["order_id"] for page in pages for each in page]
    newest_first = client.get("/v2/account/activities", activity_types="FILL")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert read == [client.find(f"order {number}")["id"] for number in range(5)]
    assert read == [each["order_id"] for each in reversed(newest_first)]


def test_accounts_are_strangers_and_keys_can_be_swapped(
    alpaca: AlpacaControl, client: Client
) -> None:
    other = Client(alpaca, alpaca.add_account("PA2"))
    client.place("mine")

    assert other.get("/v2/orders", status="all") == []
    other.place("mine")  # the same id in another account is another order
    alpaca.swap_keys("PA1", "PA2")
    assert client.get("/v2/account")["account_number"] == "PA2"
    assert Decimal(client.get("/v2/account")["cash"]) == Decimal("99899.98")


def test_unknown_keys_are_turned_away_without_a_code(client: Client) -> None:
    client.account = client.alpaca.add_account("PA9")
    client.alpaca.swap_keys("PA1", "PA9")
    headers = {"APCA-API-KEY-ID": "PK-PA1", "APCA-API-SECRET-KEY": "wrong"}
    answer = client.session.get(client.alpaca.url + "/v2/account", headers=headers, timeout=5)

    assert answer.status_code == 401
    assert answer.json() == {"message": "unauthorized."}


def test_orders_and_positions_of_strangers_are_in_the_ledger_without_a_request(
    client: Client,
) -> None:
    client.alpaca.strangers_order(
        "PA1", symbol="AAPL", qty="1", side="buy", type="market", time_in_force="day"
    )
    client.alpaca.hold("PA1", "KO", "5", "80")

    assert client.alpaca.posts() == []
    [order] = client.alpaca.orders("PA1")
    assert order["from_stranger"] is True
    assert [each["symbol"] for each in client.get("/v2/positions")] == ["AAPL", "KO"]
