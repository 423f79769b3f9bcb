"""A broker that is down or refuses our key stops no halt and no decline; no order goes blindly."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread

import pytest
from structlog.testing import capture_logs

from consumers.clock import SystemClock
from consumers.dispatcher import seat, seating
from consumers.dispatcher.process import run_dispatcher
from consumers.errors import ConfigurationError, ServiceUnreachable
from consumers.settings import load_settings
from events.account import AccountHalted, AccountResumed, DispatcherStarted
from events.command import CommandKind
from events.decision import RecommendationDeclined
from stack.alpaca_server.control import AlpacaControl
from tests.dispatcher.commands import all_of, await_number, await_one, command
from tests.dispatcher.paper import LOOK_UP, QUICK, Desk, a_desk, advice, until
from tests.dispatcher.world import World, ends, fresh_advice

PRICES = "/v2/stocks/snapshots"


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    with a_desk(world, alpaca) as desk:
        yield desk


def test_a_broker_that_is_down_at_the_start_holds_up_no_halt_and_no_decline(desk: Desk) -> None:
    # given: an account that has been opened, whose broker takes no connections now
    account = desk.open_account()
    desk.run(account)
    desk.alpaca.refuse_connections()
    old = SystemClock().now() - timedelta(minutes=6)

    with desk.running(account):
        # when
        command(desk.world, account, CommandKind.HALT)
        await_one(desk.world, account, AccountHalted)
        command(desk.world, account, CommandKind.RESUME)
        await_one(desk.world, account, AccountResumed)
        desk.publish(advice(1, issued_at=old), advice(2))
        declined = await_one(desk.world, account, RecommendationDeclined)

        # then: what may still be ordered waits, and is ordered when the broker is back
        assert declined.envelope.recommendation_id == 1
        assert "recommendation_freshness" in declined.declined_by
        assert ends(desk.world.log(account)) == {1: 1}
        desk.alpaca.accept_connections()
        assert ends(desk.world.await_ends(account, 2)) == {1: 1, 2: 1}

    assert len(desk.orders(account)) == 1


def test_a_key_that_is_refused_in_the_seat_halts_until_somebody_resumes(desk: Desk) -> None:
    # given: an account that has been opened, started while the broker is down
    account = desk.open_account()
    desk.run(account)
    desk.alpaca.refuse_connections()
    desk.publish(advice(1))

    def come_back_without_knowing_the_key() -> None:
        await_number(desk.world, account, DispatcherStarted, 2)
        said = '{"message":"unauthorized."}'
        at = {"method": "GET", "path": "/v2/account"}
        desk.alpaca.fault("body", status=401, body=said, times=None, **at)
        desk.alpaca.accept_connections()

    meanwhile = Thread(target=come_back_without_knowing_the_key)
    meanwhile.start()

    # when
    with pytest.raises(ConfigurationError, match="refuses our credentials"):
        desk.run(account)
    meanwhile.join()

    # then
    [halt] = [one for one in desk.world.log(account) if isinstance(one, AccountHalted)]
    assert "refuses our credentials" in halt.reason

    # and: a repaired key alone does not trade
    desk.alpaca.clear_faults()
    desk.run(account)
    assert desk.orders(account) == []
    assert ends(desk.world.log(account)) == {1: 1}


def test_nothing_is_sent_before_the_broker_has_named_the_account(desk: Desk) -> None:
    # given: two accounts that have been opened, one of them started while the broker is down
    accounts = [desk.open_account(), desk.open_account()]
    for account in accounts:
        desk.run(account)
    desk.alpaca.refuse_connections()
    desk.publish(advice(1))

    def come_back_with_swapped_keys() -> None:
        await_number(desk.world, accounts[0], DispatcherStarted, 2)
        desk.alpaca.swap_keys(*desk.numbers.values())
        desk.alpaca.accept_connections()

    meanwhile = Thread(target=come_back_with_swapped_keys)
    meanwhile.start()

    # when
    with pytest.raises(ConfigurationError, match="swapped"):
        desk.run(accounts[0])
    meanwhile.join()

    # then
    assert [desk.orders(account) for account in accounts] == [[], []]
    assert {request["path"] for request in desk.alpaca.requests()} <= {
        "/v2/account",
        "/v2/orders",
        "/v2/positions",
        "/v2/account/activities",
    }
    assert desk.alpaca.posts() == []


def test_a_market_that_hangs_holds_up_no_halt_and_costs_no_seat(desk: Desk) -> None:
    # given: prices that are asked for and do not come
    tuning = "session_timeout_ms = 1500\nsubmit_window_ms = 500\nanswer_within_ms = 11000\n"
    account = desk.open_account(tuning=tuning, http_deadline_ms=10_000)
    desk.alpaca.fault("hang", method="GET", path=PRICES, times=None)

    with capture_logs() as lines, desk.running(account):
        desk.publish(advice(1))
        until(lambda: any(request["path"] == PRICES for request in desk.alpaca.requests()))

        # when
        command(desk.world, account, CommandKind.HALT)
        await_one(desk.world, account, AccountHalted)

        # then: nobody has given up waiting for them
        assert [line for line in lines if line["event"] == "market_unavailable"] == []
        desk.alpaca.clear_faults()
        desk.alpaca.release()
        events = desk.world.await_ends(account, 1)

    assert desk.story(account, 1) == ["RecommendationDeclined"]
    assert len(all_of(events, DispatcherStarted)) == 1
    assert [line for line in lines if line["event"] == "seat_lost"] == []


def test_a_key_that_is_refused_at_a_look_up_halts_the_account(desk: Desk) -> None:
    account = desk.open_account()
    desk.alpaca.open_stream(is_open=False)
    desk.alpaca.fault("reset", accepts=True)
    desk.alpaca.fault("body", status=401, body='{"message":"unauthorized."}', **LOOK_UP, times=2)
    desk.publish(advice(1))

    with desk.running(account):
        halted = await_one(desk.world, account, AccountHalted)
        events = desk.world.await_ends(account, 1)

    # then: it halts once, and is looked up all the same: the order may be there
    assert "refuses our credentials" in halted.reason
    assert [event for event in events if isinstance(event, AccountHalted)] == [halted]
    assert desk.story(account, 1) == [
        "OrderIntended",
        "OrderOutcomeUnknown",
        "OrderAccepted",
        "OrderFilled",
    ]
    assert len(desk.alpaca.posts()) == 1


def test_a_new_accounts_seat_that_cannot_be_taken_at_once_is_taken_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a seat that Kafka refuses at first, and a group that has no offset yet
    refusals, sound = [3], seat.Seat

    def hesitant(*given: object) -> seat.Seat:
        if refusals[0]:
            refusals[0] -= 1
            raise ServiceUnreachable("the seat cannot be taken: not now")
        return sound(*given)  # type: ignore[arg-type] # as it is called

    monkeypatch.setattr(seating, "Seat", hesitant)
    account = world.open_account()
    world.publish(fresh_advice(1))

    # when
    run_dispatcher(load_settings(world.config, {}), account, until_caught_up=True, stop=Event())

    # then
    assert ends(world.log(account)) == {1: 1}


def test_keys_that_are_swapped_under_way_halt_both_accounts(desk: Desk) -> None:
    # given: two accounts that trade, one of which holds something
    accounts = [desk.open_account(tuning=f"{QUICK}reconcile_interval_ms = 200\n") for _ in "12"]
    desk.publish(advice(1))

    with desk.running(accounts[0]), desk.running(accounts[1]):
        for account in accounts:
            desk.world.await_ends(account, 1)

        # when
        desk.alpaca.swap_keys(*desk.numbers.values())
        halts = [await_one(desk.world, account, AccountHalted) for account in accounts]

        # then: nothing of the other's books was taken for ours, and nothing goes to it
        desk.publish(advice(2, ticker="AAPL"))
        for account in accounts:
            desk.world.await_ends(account, 2)

    for account, halted, number in zip(
        accounts, halts, reversed(desk.numbers.values()), strict=True
    ):
        assert f"opens account {number}" in halted.reason
        assert desk.story(account, 2) == ["RecommendationDeclined"]
        assert len(desk.orders(account)) == 1
        assert desk.world.state(account).differences == ()


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_the_market_refuses_halts_the_account_and_buys_nothing(
    desk: Desk, status: int
) -> None:
    account = desk.open_account()
    refusal = '{"message":"forbidden."}'
    desk.alpaca.fault("body", status=status, body=refusal, method="GET", path=PRICES, times=None)
    desk.publish(advice(1))

    with desk.running(account):
        halted = await_one(desk.world, account, AccountHalted)
        desk.world.await_ends(account, 1)

    # then: declined by the halt, with nobody asked again
    assert f"refuses our credentials: no market data: HTTP {status}" in halted.reason
    assert desk.story(account, 1) == ["RecommendationDeclined"]
    assert desk.orders(account) == []
