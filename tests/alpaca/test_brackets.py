"""An entry with a target and a stop, held by the broker."""

from typing import Any

import pytest

from tests.alpaca.client import Client

BRACKET = {
    "order_class": "bracket",
    "qty": "4",
    "take_profit": {"limit_price": "110"},
    "stop_loss": {"stop_price": "95"},
}


def legs(client: Client) -> tuple[dict[str, Any], dict[str, Any]]:
    entry = client.get(f"/v2/orders/{client.find('entry')['id']}", nested="true")
    profit, stop = entry["legs"]
    assert (profit["type"], stop["type"]) == ("limit", "stop")
    return profit, stop


def test_the_legs_are_answered_with_the_entry_and_wait_for_its_fill(client: Client) -> None:
    answered = client.place("entry", **BRACKET, limit_price="99")

    profit, stop = legs(client)
    assert [leg["id"] for leg in answered["legs"]] == [profit["id"], stop["id"]]
    assert (profit["status"], stop["status"]) == ("held", "held")
    assert (profit["side"], profit["limit_price"], stop["stop_price"]) == ("sell", "110", "95")
    assert len({answered["client_order_id"], profit["client_order_id"]}) == 2
    [nested] = client.get("/v2/orders", status="all", nested="true")
    assert len(nested["legs"]) == 2
    flat = client.get("/v2/orders", status="all")
    assert {each["id"] for each in flat} == {answered["id"], profit["id"], stop["id"]}
    ledger = {each["id"]: each["parent_id"] for each in client.alpaca.orders("PA1")}
    assert ledger == {
        answered["id"]: None,
        profit["id"]: answered["id"],
        stop["id"]: answered["id"],
    }


def test_a_filled_entry_wakes_its_legs_which_hold_the_shares_once(client: Client) -> None:
    client.place("entry", **BRACKET)

    assert tuple(leg["status"] for leg in legs(client)) == ("new", "held")
    answer = client.post(qty="1", side="sell", limit_price="120")
    assert (answer.json()["held_for_orders"], answer.json()["available"]) == ("4", "0")


@pytest.mark.parametrize(
    ("bid", "ended", "price"),
    [
        pytest.param("111", ("filled", "canceled"), "111", id="target"),
        pytest.param("94.5", ("canceled", "filled"), "94.5", id="stop"),
    ],
)
def test_the_leg_that_is_reached_ends_the_other(
    client: Client, bid: str, ended: tuple[str, str], price: str
) -> None:
    client.place("entry", **BRACKET)

    client.alpaca.quote("AAPL", bid=bid, ask="111.5")

    both = legs(client)
    assert tuple(leg["status"] for leg in both) == ended
    assert price in {leg["filled_avg_price"] for leg in both}
    assert client.get("/v2/positions") == []


def test_a_target_filled_in_part_leaves_the_stop_for_the_rest(client: Client) -> None:
    client.place("entry", **BRACKET)

    client.alpaca.quote("AAPL", bid="110", ask="111", bid_size="1")

    profit, stop = legs(client)
    assert (profit["status"], profit["filled_qty"], stop["qty"]) == ("partially_filled", "1", "3")


def test_a_cancelled_entry_takes_its_legs_along(client: Client) -> None:
    entry = client.place("entry", **BRACKET, limit_price="99")

    client.cancel(entry)

    assert tuple(leg["status"] for leg in legs(client)) == ("canceled", "canceled")


def test_a_late_fill_of_a_cancelled_entry_wakes_no_leg(client: Client) -> None:
    client.cancel(client.place("entry", **BRACKET, limit_price="99"))

    client.alpaca.fill("PA1", "entry")

    assert client.find("entry")["status"] == "filled"
    assert tuple(leg["status"] for leg in legs(client)) == ("canceled", "canceled")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"take_profit": None}, "bracket orders require take_profit.limit_price"),
        ({"stop_loss": None}, "bracket orders require stop_loss.stop_price"),
        (
            {"stop_loss": {"stop_price": "101"}},
            "stop_loss.stop_price must be <= base_price - 0.01",
        ),
        (
            {"take_profit": {"limit_price": "94"}},
            "take_profit.limit_price must be > stop_loss.stop_price",
        ),
        ({"time_in_force": "ioc"}, "bracket orders must be DAY or GTC orders"),
        ({"qty": "0.5"}, "fractional orders must be simple orders"),
    ],
)
def test_a_bracket_that_makes_no_sense_is_refused(
    client: Client, changes: dict[str, Any], message: str
) -> None:
    assert client.refusal(**{**BRACKET, **changes}) == (422, 42210000, message)
