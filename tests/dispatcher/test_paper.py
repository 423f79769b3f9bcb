"""A paper account from the advice to the fill, at the fake Alpaca, through the real Kafka."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from consumers.clock import SystemClock
from consumers.errors import ConfigurationError
from events.decision import RecommendationDeclined
from events.order import ExecutionMode, OrderFilled, OrderIntended
from events.recommendation import Action, InstrumentType
from stack.alpaca_server.control import AlpacaControl
from tests.builders import an_option
from tests.dispatcher.paper import Desk, a_desk, advice, every_order_was_announced, until
from tests.dispatcher.world import World, ends, intents

EXPIRY = (SystemClock().now() + timedelta(days=20)).date()
CALLS = {strike: f"MSFT{EXPIRY:%y%m%d}C{strike * 1000:08d}" for strike in (95, 100, 105)}


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    with a_desk(world, alpaca) as desk:
        yield desk


def list_contracts(alpaca: AlpacaControl) -> None:
    """Let the fake list calls on MSFT, of which the one at the money is hardly traded."""
    for strike, symbol in CALLS.items():
        traded = "10" if strike == 100 else "5000"
        alpaca.instrument(symbol, open_interest=traded)
        alpaca.quote(symbol, bid="4.95", ask="5.05", volume=traded, delta="0.5")


def test_advice_to_buy_a_stock_becomes_a_position_at_the_broker(desk: Desk) -> None:
    account = desk.open_account()
    desk.publish(advice(1))

    with desk.running(account):
        events = desk.world.await_ends(account, 1)

    assert desk.story(account, 1) == ["OrderIntended", "OrderAccepted", "OrderFilled"]
    [intent] = intents(events)
    [order] = desk.orders(account)
    assert order["client_order_id"] == intent.terms.client_order_id
    assert order["status"] == "filled"
    assert intent.execution_mode is ExecutionMode.ALPACA_PAPER
    assert intent.market.source == "alpaca"
    [fill] = [event for event in events if isinstance(event, OrderFilled)]
    assert (fill.price, fill.quantity) == (Decimal("100.02"), intent.terms.quantity)
    assert fill.fill_model == "alpaca_paper"
    every_order_was_announced(desk, account, events)


def test_an_order_goes_out_in_whole_cents(desk: Desk) -> None:
    account = desk.open_account()
    desk.publish(advice(1, reference_price=Decimal("100.0077")))

    with desk.running(account):
        events = desk.world.await_ends(account, 1)

    [intent] = intents(events)
    assert intent.terms.limit_price == Decimal("101.00")
    assert desk.orders(account)[0]["limit_price"] == "101"


def test_the_contract_that_is_named_is_bought_as_it_is_quoted_now(desk: Desk) -> None:
    account = desk.open_account()
    list_contracts(desk.alpaca)
    named = an_option(symbol=CALLS[105], strike=Decimal(105), expiry=EXPIRY)
    desk.publish(advice(1, instrument_type=InstrumentType.CALL, option=named, stop=None))

    with desk.running(account):
        events = desk.world.await_ends(account, 1)

    [intent] = intents(events)
    assert intent.terms.symbol == CALLS[105]
    [order] = desk.orders(account)
    assert (order["symbol"], order["status"]) == (CALLS[105], "filled")
    assert order["position_intent"] == "buy_to_open"
    assert desk.story(account, 1)[-1] == "OrderFilled"


def test_a_named_contract_that_has_tripled_since_the_advice_is_not_bought(desk: Desk) -> None:
    account = desk.open_account()
    list_contracts(desk.alpaca)
    named = an_option(symbol=CALLS[105], strike=Decimal(105), expiry=EXPIRY)
    desk.alpaca.quote(CALLS[105], bid="14.90", ask="15.10", volume="5000")
    desk.publish(advice(1, instrument_type=InstrumentType.CALL, option=named, stop=None))

    desk.run(account)

    [declined] = [
        event for event in desk.world.log(account) if isinstance(event, RecommendationDeclined)
    ]
    assert declined.declined_by == ("price_collar",)
    assert desk.orders(account) == []


def test_where_no_contract_is_named_the_market_chooses_a_liquid_one(desk: Desk) -> None:
    account = desk.open_account()
    list_contracts(desk.alpaca)
    desk.publish(advice(1, instrument_type=InstrumentType.CALL, option=None, stop=None))

    with desk.running(account):
        events = desk.world.await_ends(account, 1)

    [intent] = intents(events)
    assert intent.terms.symbol == CALLS[95]
    assert [order["symbol"] for order in desk.orders(account)] == [CALLS[95]]


def test_an_exit_that_names_no_contract_sells_the_one_that_is_held(desk: Desk) -> None:
    # given: a call that is held, and by now is no longer the nearest to the money
    account = desk.open_account()
    list_contracts(desk.alpaca)
    named = an_option(symbol=CALLS[105], strike=Decimal(105), expiry=EXPIRY)
    call = {"instrument_type": InstrumentType.CALL, "stop": None}
    desk.publish(advice(1, option=named, **call))

    with desk.running(account):
        desk.world.await_ends(account, 1)
        desk.publish(advice(2, option=None, action=Action.SELL, **call))
        events = desk.world.await_ends(account, 2)

    [_, sold] = intents(events)
    assert (sold.terms.symbol, sold.terms.closes_position) == (CALLS[105], True)
    [collar] = [gate for gate in sold.gates if gate.gate == "price_collar"]
    assert "names no price of the contract" in collar.reason
    assert dict(desk.world.state(account).positions) == {}


def test_a_contract_over_another_number_of_shares_is_not_bought(desk: Desk) -> None:
    account = desk.open_account()
    list_contracts(desk.alpaca)
    named = an_option(symbol=CALLS[105], strike=Decimal(105), expiry=EXPIRY)
    body = {
        "symbol": CALLS[105],
        "tradable": True,
        "strike_price": "105",
        "expiration_date": str(EXPIRY),
        "multiplier": "100",
        "size": "150",
    }
    path = f"/v2/options/contracts/{CALLS[105]}"
    desk.alpaca.fault("body", body=json.dumps(body), method="GET", path=path, times=None)
    desk.publish(advice(1, instrument_type=InstrumentType.CALL, option=named, stop=None))

    desk.run(account)

    assert desk.story(account, 1) == ["RecommendationDeclined"]
    assert desk.orders(account) == []


def test_where_there_is_no_contract_the_option_is_declined(desk: Desk) -> None:
    account = desk.open_account()
    desk.publish(advice(1, instrument_type=InstrumentType.CALL, option=None, stop=None))

    desk.run(account)

    [declined] = [
        event for event in desk.world.log(account) if isinstance(event, RecommendationDeclined)
    ]
    assert declined.envelope.recommendation_id == 1
    assert desk.orders(account) == []


def test_a_stock_that_nobody_bids_for_is_bought_once_somebody_does(desk: Desk) -> None:
    account = desk.open_account()
    desk.alpaca.quote("MSFT", bid="0", ask="0")
    desk.publish(advice(1))

    with capture_logs() as lines, desk.running(account):
        until(lambda: any(line["event"] == "market_unavailable" for line in lines))
        assert ends(desk.world.log(account)) == {}
        desk.alpaca.quote("MSFT", bid="99.98", ask="100.02")
        desk.world.await_ends(account, 1)

    assert desk.story(account, 1) == ["OrderIntended", "OrderAccepted", "OrderFilled"]


def test_a_blocked_account_does_not_start(desk: Desk) -> None:
    account = desk.open_account()
    desk.alpaca.change_account(desk.numbers[account], trading_blocked=True)

    with pytest.raises(ConfigurationError, match="trading is blocked"):
        desk.run(account)

    assert desk.world.log(account) == []


def test_a_wrong_account_number_does_not_start(desk: Desk) -> None:
    account = desk.open_account(number="PA999")

    with pytest.raises(ConfigurationError, match="the broker says PA1"):
        desk.run(account)


def test_swapped_keys_do_not_start_even_after_trading(desk: Desk) -> None:
    # given: two accounts, one of which has traded
    one, other = desk.open_account(), desk.open_account()
    desk.run(one)
    desk.alpaca.swap_keys(desk.numbers[one], desk.numbers[other])

    for account in (one, other):
        with pytest.raises(ConfigurationError, match="swapped"):
            desk.run(account)


def test_a_log_that_was_opened_in_simulation_never_trades_at_the_broker(desk: Desk) -> None:
    # given: an account that was opened in simulation, and trades
    account = desk.world.open_account(more='broker_account_number = "PA1"')
    desk.publish(advice(1))
    desk.world.catch_up(account)
    before = desk.world.log(account)

    # when: it is configured for the paper account of the same number
    theirs = desk.alpaca.add_account("PA1")
    text = desk.world.config.read_text().replace('"SIMULATED"', '"ALPACA_PAPER"')
    at = f"""
[accounts.{account}.alpaca]
trading_url = "{desk.alpaca.url}"
data_url = "{desk.alpaca.url}"
stream_url = "{desk.alpaca.stream_url}"
"""
    desk.world.config.write_text(text + at)
    variable = f"DISPATCHER__ACCOUNTS__{account.upper()}__ALPACA__"
    desk.environ = {
        f"{variable}KEY_ID": theirs.key_id,
        f"{variable}SECRET_KEY": theirs.secret_key,
    }
    desk.publish(advice(2, ticker="AAPL"))

    # then: it does not start, writes nothing and sends nothing
    with pytest.raises(ConfigurationError, match="was opened with mode SIMULATED"):
        desk.run(account)
    assert desk.world.log(account) == before
    assert desk.alpaca.posts() == []


def test_a_key_that_the_broker_does_not_know_does_not_start(desk: Desk) -> None:
    account = desk.open_account()
    desk.environ = {name: f"{value}-old" for name, value in desk.environ.items()}

    with pytest.raises(ConfigurationError, match="refuses the credentials") as refusal:
        desk.run(account)

    assert "secret-of" not in str(refusal.value)


def test_the_command_line_starts_without_the_brokers_client() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys, cli.main; print('alpaca' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == "False"


def test_two_paper_accounts_trade_the_same_advice_each_on_its_own(desk: Desk) -> None:
    accounts = [desk.open_account(), desk.open_account()]
    desk.publish(advice(1))

    with desk.running(accounts[0]), desk.running(accounts[1]):
        for account in accounts:
            assert ends(desk.world.await_ends(account, 1)) == {1: 1}

    for account in accounts:
        assert len(desk.orders(account)) == 1
        assert [
            event.envelope.account_name
            for event in desk.world.log(account)
            if isinstance(event, OrderIntended)
        ] == [account]
