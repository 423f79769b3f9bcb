"""What the fake Alpaca refuses, each in Alpaca's status, code and words."""

from typing import Any

import pytest

from tests.alpaca.client import Client, order_body

CALL = "AAPL261218C00100000"


@pytest.fixture
def option(client: Client) -> Client:
    client.alpaca.quote(CALL, bid="4.90", ask="5.10", delta="0.5", implied_volatility="0.25")
    return client


def call(**changes: object) -> dict[str, Any]:
    return {"symbol": CALL, "limit_price": "5.20", **changes}


@pytest.mark.parametrize(
    "before",
    [
        pytest.param({}, id="filled"),
        pytest.param({"limit_price": "90"}, id="open"),
    ],
)
def test_a_client_order_id_is_taken_for_ever(client: Client, before: dict[str, str]) -> None:
    client.place("taken", **before)

    again = client.refusal(client_order_id="taken", qty="2")

    assert again == (422, 40010001, "client_order_id must be unique")
    assert len(client.alpaca.orders("PA1")) == 1


def test_the_twin_of_an_accepted_order_can_be_refused_for_want_of_money(client: Client) -> None:
    client.alpaca.change_account("PA1", buying_power="150")
    client.alpaca.habits(funds_before_id=True)
    client.place("one")
    client.alpaca.change_account("PA1", buying_power="49")

    status, code, message = client.refusal(client_order_id="one")

    assert (status, code, message) == (403, 40310000, "insufficient buying power")


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        ({"qty": "0"}, (422, 40010001, "qty must be > 0")),
        ({"qty": None}, (422, 40010001, "qty or notional is required")),
        ({"notional": "5"}, (422, 40010001, "only one of qty or notional is accepted")),
        ({"limit_price": None}, (422, 40010001, "limit orders require a limit price")),
        (
            {"client_order_id": "x" * 128 + "y"},
            (422, 40010001, "client_order_id must be no more than 128 characters"),
        ),
        ({"symbol": "NIX"}, (422, 42210000, 'asset "NIX" not found')),
        (
            {"limit_price": "100.001"},
            (
                422,
                42210000,
                (
                    "invalid limit_price 100.001. sub-penny increment does not fulfill minimum "
                    "pricing criteria"
                ),
            ),
        ),
        (
            {"qty": "0.5", "time_in_force": "gtc"},
            (422, 42210000, "fractional orders must be DAY orders"),
        ),
        (
            {"type": "market", "extended_hours": True},
            (422, 42210000, "extended hours order must be DAY or GTC limit orders"),
        ),
        (
            {"position_intent": "sell_to_close"},
            (
                422,
                42210000,
                "position intent mismatch, inferred: buy_to_open, specified: sell_to_close",
            ),
        ),
        (
            {"side": "sell", "qty": "0.5"},
            (422, 42210000, "fractional orders cannot be sold short"),
        ),
        (
            {"qty": "0.005", "type": "market"},
            (403, 40310000, "cost basis must be >= minimal amount of order 1"),
        ),
        ({"qty": "4000"}, (403, 40310000, "insufficient buying power")),
    ],
)
def test_a_stock_order_that_breaks_a_rule_is_refused(
    client: Client, order: dict[str, Any], refusal: tuple[int, int, str]
) -> None:
    answer = client.send("POST", "/v2/orders", json=order_body(**order), checked=False)

    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == refusal
    assert client.alpaca.orders("PA1") == []
    assert client.alpaca.posts()[0]["outcome"] == "refused"


def test_prices_below_a_dollar_may_have_four_decimals(client: Client) -> None:
    client.alpaca.quote("PENNY", bid="0.5", ask="0.51")

    assert client.place("fine", symbol="PENNY", qty="10", limit_price="0.5123")
    assert client.refusal(symbol="PENNY", qty="10", limit_price="0.51234")[1] == 42210000


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"tradable": False}, (422, 42210000, 'asset "AAPL" is not tradable')),
        ({"status": "inactive"}, (422, 42210000, 'asset "AAPL" is not active')),
        ({"fractionable": False}, (403, 40310000, 'asset "AAPL" is not fractionable')),
    ],
)
def test_an_asset_says_what_can_be_done_with_it(
    client: Client, changes: dict[str, Any], refusal: tuple[int, int, str]
) -> None:
    client.alpaca.instrument("AAPL", **changes)

    assert client.refusal(qty="0.5") == refusal
    [(name, value)] = changes.items()
    assert client.get("/v2/assets/AAPL")[name] == value


def test_more_than_is_held_and_free_cannot_be_sold_and_the_figures_say_why(client: Client) -> None:
    client.place("buy", qty="10")
    resting = client.place("first", qty="7", side="sell", limit_price="120")

    answer = client.post(qty="4", side="sell", limit_price="121")

    assert answer.status_code == 403
    assert answer.json() == {
        "available": "3",
        "code": 40310000,
        "existing_qty": "10",
        "held_for_orders": "7",
        "message": "insufficient qty available for order (requested: 4, available: 3)",
        "related_orders": [resting["id"]],
        "symbol": "AAPL",
    }
    assert client.get("/v2/positions/AAPL")["qty_available"] == "3"


def test_open_orders_reserve_buying_power_until_they_end(client: Client) -> None:
    before = client.get("/v2/account")["buying_power"]
    order = client.place("one", qty="10", limit_price="90")
    reserved = client.get("/v2/account")["buying_power"]
    client.cancel(order)

    assert (before, reserved) == ("400000", "399100")
    assert client.get("/v2/account")["buying_power"] == before


def test_an_order_that_could_meet_an_own_one_is_a_wash_trade(client: Client) -> None:
    client.place("holding", qty="5")
    resting = client.place("sell", qty="1", side="sell", limit_price="110")

    answer = client.post(limit_price="111")

    assert answer.status_code == 403
    assert answer.json()["code"] == 40310000
    assert answer.json()["message"] == "potential wash trade detected. use complex orders"
    assert answer.json()["existing_order_id"] == resting["id"]


def test_nothing_is_bought_while_a_short_sale_is_open(client: Client) -> None:
    client.place("short", side="sell", limit_price="110")

    message = "cannot open a long buy while a short sell order is open"
    assert client.refusal(limit_price="90") == (403, 40310000, message)


def test_a_blocked_account_places_nothing(client: Client) -> None:
    client.alpaca.change_account("PA1", trading_blocked=True)

    assert client.refusal()[:2] == (403, 40310000)
    assert client.get("/v2/account")["trading_blocked"] is True


@pytest.mark.parametrize(
    ("order", "code", "message"),
    [
        ({"qty": "1.5"}, 42210000, "qty must be integer for options trading"),
        (
            {"time_in_force": "gtc"},
            42210000,
            "order_time_in_force provided not supported for options trading",
        ),
        (
            {"type": "stop", "stop_price": "5", "limit_price": None},
            42210000,
            "order_type provided not supported for options trading",
        ),
        (
            {"symbol": "AAPL261218C00999000"},
            42210000,
            'contract "AAPL261218C00999000" not found',
        ),
        (
            {"qty": "300"},
            40310000,
            "insufficient options buying power (required: 156000, available: 100000)",
        ),
        (
            {"side": "sell"},
            40310000,
            "account not eligible to trade uncovered option contracts",
        ),
    ],
)
def test_an_option_order_that_breaks_a_rule_is_refused(
    option: Client, order: dict[str, Any], code: int, message: str
) -> None:
    assert option.refusal(**call(**order))[1:] == (code, message)


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (0, "account not authorized to trade options"),
        (1, "account not eligible to trade long option contracts"),
    ],
)
def test_the_options_level_bounds_what_may_be_bought(
    option: Client, level: int, message: str
) -> None:
    option.alpaca.change_account("PA1", options_level=level)

    assert option.refusal(**call()) == (403, 40310000, message)


def test_an_option_counts_a_hundred_shares_and_closes_what_it_opened(option: Client) -> None:
    bought = option.place("open", **call(qty="2"))
    assert bought["order_class"] == "simple"
    assert option.get("/v2/account")["cash"] == "98980"
    assert option.get(f"/v2/positions/{CALL}")["cost_basis"] == "1020"

    closed = option.place(
        "close",
        **call(qty="2", side="sell", limit_price="4.80", position_intent="sell_to_close"),
    )

    assert closed["position_intent"] == "sell_to_close"
    assert option.get("/v2/positions") == []
    assert option.get("/v2/account")["cash"] == "99960"


def test_a_market_order_for_an_option_needs_an_open_market(option: Client) -> None:
    option.alpaca.set_hours("closed")

    message = "options market orders are only allowed during market hours"
    assert option.refusal(**call(type="market", limit_price=None))[2] == message


def test_no_position_is_opened_in_a_contract_that_expires_within_the_half_hour(
    option: Client,
) -> None:
    option.alpaca.set_time("2026-12-18T20:29:59Z")
    option.place("in time", **call())
    option.alpaca.set_time("2026-12-18T20:30:00Z")

    message = f'contract "{CALL}" expires soon, unable to open new positions'
    assert option.refusal(**call()) == (422, 42210000, message)
    assert option.place("closing", **call(side="sell", limit_price="4.80"))


def test_an_option_that_is_exercised_becomes_shares_in_positions_and_activities(
    option: Client,
) -> None:
    option.place("open", **call(qty="2"))

    option.alpaca.settle_option("PA1", CALL, "OPEXC")

    [position] = option.get("/v2/positions")
    assert (position["symbol"], position["qty"]) == ("AAPL", "200")
    kinds = [each["activity_type"] for each in option.get("/v2/account/activities")]
    assert kinds == ["OPTRD", "OPEXC", "FILL"]


def test_what_the_fake_does_not_do_it_says_and_never_invents(client: Client) -> None:
    order = client.place("one", limit_price="90")
    trailing = order_body(type="trailing_stop", limit_price=None, trail_percent="1")

    answers = [
        client.send("POST", "/v2/orders", json=trailing, checked=False),
        client.send("PATCH", f"/v2/orders/{order['id']}", json={"qty": "2"}, checked=False),
        client.send("DELETE", "/v2/positions/AAPL", checked=False),
    ]

    assert [answer.status_code for answer in answers] == [501, 501, 501]
    assert len(client.alpaca.orders("PA1")) == 1
