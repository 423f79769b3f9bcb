"""Every answer, non-answer and lie of a broker at a POST: one order at most, one end, no doubt.

The broker is the fake Alpaca over real HTTP; what it has is told by its own ledger.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from events.account import AccountHalted, AccountReconciled, IncidentRecorded
from events.catalog import LogEvent
from events.command import CommandKind
from events.order import OrderAccepted, OrderRejected, RejectionClass
from stack.alpaca_server.control import AlpacaControl
from tests.dispatcher.commands import command
from tests.dispatcher.paper import LOOK_UP, QUICK, Desk, a_desk, advice, every_order_was_announced
from tests.dispatcher.world import World, ends

PLAIN: Final = ["OrderIntended", "OrderAccepted", "OrderFilled"]
ADOPTED: Final = ["OrderIntended", "OrderOutcomeUnknown", "OrderAccepted", "OrderFilled"]
SENT_AGAIN: Final = [
    "OrderIntended",
    "OrderOutcomeUnknown",
    "OrderResent",
    "OrderAccepted",
    "OrderFilled",
]
TURNED_AWAY: Final = ["OrderIntended", "OrderResent", "OrderAccepted", "OrderFilled"]
TOO_MANY: Final[dict[str, Any]] = {
    "answer": "body",
    "status": 429,
    "body": '{"message":"too many requests."}',
}
NO_MONEY: Final = '{"code":40310000,"message":"insufficient buying power"}'
BREAKS: Final[dict[str, dict[str, Any]]] = {
    "hang": {"answer": "hang"},
    "reset": {"answer": "reset"},
    "close": {"answer": "close"},
    "cut": {"answer": "cut"},
    "empty 200": {"answer": "empty"},
    "HTML 200": {"answer": "html"},
    "another order's 200": {"answer": "body", "body": '{"id": "of another order"}'},
    "429 without reset": {**TOO_MANY, "rate_limit_headers": False},
    "403 HTML": {"answer": "html", "status": 403},
    "500": {"answer": "html", "status": 500},
    "502": {"answer": "html", "status": 502},
    "503": {"answer": "html", "status": 503},
    "504": {"answer": "empty", "status": 504},
}
NO_SUCH_ROUTE: Final[dict[str, Any]] = {
    "answer": "body",
    "status": 404,
    "body": '{"code":40410000,"message":"endpoint not found"}',
}
BROKEN_LOOK_UPS: Final[list[dict[str, Any]]] = [
    {"answer": "reset"},
    {"answer": "empty"},
    {"answer": "html", "status": 503},
    {"answer": "body", "body": "{}"},
    {"answer": "html", "status": 404},
    {"answer": "hang"},
    NO_SUCH_ROUTE,
    NO_SUCH_ROUTE,
]
SINGLE: Final = ("hang", "cut", "503")
"""Those that also get a run of their own; all of them meet in one, each at an order of its own."""


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl) -> Iterator[Desk]:
    alpaca.open_stream(is_open=False)  # nothing is told unasked: look-ups alone must do
    with a_desk(world, alpaca) as desk:
        yield desk


def played(desk: Desk, *, posts: int, orders: int = 1) -> list[str]:
    """Let one recommendation go its way; assert what must hold whatever happens; tell its story."""
    account = next(iter(desk.numbers), None) or desk.open_account()
    desk.publish(advice(1))
    with desk.running(account):
        events = desk.world.await_ends(account, 1)
    assert ends(events) == {1: 1}
    assert desk.world.state(account).unresolved() == ()
    assert len(desk.orders(account)) == orders
    assert len(desk.alpaca.posts()) == posts
    assert desk.alpaca.faults_pending() == 0
    every_order_was_announced(desk, account, events)
    return desk.story(account, 1)


@pytest.mark.parametrize("fault", [BREAKS[name] for name in SINGLE], ids=SINGLE)
def test_an_order_that_was_accepted_without_a_word_of_it_is_adopted(
    desk: Desk, fault: dict[str, Any]
) -> None:
    desk.alpaca.fault(**fault, accepts=True)

    assert played(desk, posts=1) == ADOPTED


@pytest.mark.parametrize("fault", [BREAKS[name] for name in SINGLE], ids=SINGLE)
def test_an_order_that_never_arrived_is_sent_again_once_that_is_proven(
    desk: Desk, fault: dict[str, Any]
) -> None:
    desk.alpaca.fault(**fault)

    assert played(desk, posts=2) == SENT_AGAIN


def test_a_broker_that_turns_an_order_away_for_now_is_asked_again(desk: Desk) -> None:
    desk.alpaca.rate_limit(200, window_s=2)  # the reset that it names is near
    desk.alpaca.fault(**TOO_MANY)

    assert played(desk, posts=2) == TURNED_AWAY


def test_an_order_that_look_ups_show_late_is_adopted(desk: Desk) -> None:
    desk.alpaca.fault("reset", accepts=True)
    desk.alpaca.hide(lookups=3)

    assert played(desk, posts=1) == ADOPTED


def test_an_order_sent_again_while_its_twin_is_hidden_meets_its_own_id(desk: Desk) -> None:
    # given: an order that look-ups hide for so long that its absence seems proven
    desk.alpaca.fault("reset", accepts=True)
    desk.alpaca.hide(lookups=7)

    story = played(desk, posts=2)

    assert story == [*SENT_AGAIN[:3], "OrderOutcomeUnknown", "OrderAccepted", "OrderFilled"]


def test_an_order_sent_again_that_is_refused_for_its_own_twins_cost_is_adopted(
    desk: Desk,
) -> None:
    # given: the same, at a broker that looks at the money before it looks at the id
    desk.alpaca.fault("reset", accepts=True)
    desk.alpaca.hide(lookups=7)
    desk.alpaca.fault("body", status=403, body=NO_MONEY)

    assert played(desk, posts=2) == SENT_AGAIN


def test_a_refusal_of_what_was_sent_again_is_believed_once_its_twin_is_proven_absent(
    desk: Desk,
) -> None:
    # given: an order that look-ups hide for longer still, its repetition refused for its cost
    desk.alpaca.fault("reset", accepts=True)
    desk.alpaca.hide(lookups=9)
    desk.alpaca.fault("body", status=403, body=NO_MONEY)

    story = played(desk, posts=2)

    assert story == [*SENT_AGAIN[:3], "OrderOutcomeUnknown", "OrderAccepted", "OrderFilled"]


def test_an_order_that_never_arrived_and_is_refused_when_sent_again_is_rejected(
    desk: Desk,
) -> None:
    desk.alpaca.fault("reset")
    desk.alpaca.fault("body", status=403, body=NO_MONEY)

    story = played(desk, posts=2, orders=0)

    assert story == [*SENT_AGAIN[:3], "OrderOutcomeUnknown", "OrderRejected"]
    events = desk.world.log(next(iter(desk.numbers)))
    [rejected] = [event for event in events if isinstance(event, OrderRejected)]
    assert rejected.rejection_class is RejectionClass.BUYING_POWER


def test_look_ups_that_break_prove_nothing_however_many_and_however_late(desk: Desk) -> None:
    # given: an accepted order; the last two look-ups that break come when two absences would do
    desk.alpaca.fault("reset", accepts=True)
    for fault in BROKEN_LOOK_UPS:
        desk.alpaca.fault(**fault, **LOOK_UP)

    assert played(desk, posts=1) == ADOPTED


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (403, 40310000, "insufficient buying power", RejectionClass.BUYING_POWER),
        (422, 42210000, "only allowed during market hours", RejectionClass.MARKET_CLOSED),
        (403, 40310000, "potential wash trade detected", RejectionClass.WASH_TRADE),
        (422, 99999999, "words that nobody has seen before", RejectionClass.VALIDATION),
    ],
)
def test_a_refusal_is_an_end_with_its_class(
    desk: Desk, status: int, code: int, message: str, expected: RejectionClass
) -> None:
    body = f'{{"code":{code},"message":"{message}"}}'
    desk.alpaca.fault("body", status=status, body=body)

    assert played(desk, posts=1, orders=0) == ["OrderIntended", "OrderRejected"]
    events = desk.world.log(next(iter(desk.numbers)))
    [rejected] = [event for event in events if isinstance(event, OrderRejected)]
    assert (rejected.rejection_class, rejected.code) == (expected, code)


def test_a_key_that_is_refused_while_trading_halts_the_account(desk: Desk) -> None:
    desk.alpaca.fault("body", status=401, body='{"message":"unauthorized."}')

    assert played(desk, posts=1, orders=0) == ["OrderIntended", "OrderRejected"]

    events = desk.world.log(next(iter(desk.numbers)))
    [halt] = [event for event in events if isinstance(event, AccountHalted)]
    assert "refuses our credentials" in halt.reason


def test_an_order_that_is_denied_after_its_acceptance_halts_and_is_asked_for_all_the_same(
    desk: Desk,
) -> None:
    # given: an order that works, and that look-ups deny; nobody looks at the books meanwhile
    account = desk.open_account(tuning=f"{QUICK}reconcile_interval_ms = 600000\n")
    desk.alpaca.habits(fill_after_ms=None)
    desk.alpaca.hide(f"{account}-1-entry", lookups=1000)
    desk.publish(advice(1))

    with desk.running(account):
        desk.world.await_log(
            account, lambda events: any(isinstance(event, AccountHalted) for event in events)
        )

        # when: it is found again, filled
        desk.alpaca.fill(desk.numbers[account], f"{account}-1-entry")
        desk.alpaca.clear_faults()
        events = desk.world.await_ends(account, 1)

    # then
    assert [event.kind for event in events if isinstance(event, IncidentRecorded)] == [
        "order-vanished"
    ]
    assert len(desk.alpaca.posts()) == 1
    assert desk.story(account, 1)[-1] == "OrderFilled"


def was_accepted(events: list[LogEvent]) -> bool:
    return any(isinstance(event, OrderAccepted) for event in events)


@pytest.mark.parametrize("is_told", [True, False], ids=["told unasked", "looked up"])
def test_an_order_that_is_rejected_after_its_acceptance_ends_as_rejected(
    desk: Desk, *, is_told: bool
) -> None:
    # given: an order that works
    account = desk.open_account()
    desk.alpaca.habits(fill_after_ms=None)
    if is_told:
        desk.alpaca.open_stream(is_open=True)
        desk.alpaca.fault("html", status=503, times=None, **LOOK_UP)
    desk.publish(advice(1))

    with desk.running(account):
        desk.world.await_log(account, was_accepted)

        # when
        desk.alpaca.finish(desk.numbers[account], f"{account}-1-entry", "rejected")
        desk.world.await_ends(account, 1)

    # then: that is its end, and nothing is held for it any more
    assert desk.story(account, 1) == ["OrderIntended", "OrderAccepted", "OrderRejected"]
    state = desk.world.state(account)
    assert (dict(state.orders), state.ends.rejected, state.incidents) == ({}, 1, 0)
    assert state.reserved == 0


def test_an_order_that_fills_while_it_is_being_cancelled_is_filled(desk: Desk) -> None:
    # given: an order that works, at a broker that takes its cancellation and fills it
    account = desk.open_account()
    desk.alpaca.habits(fill_after_ms=None, fill_while_cancelling=True)
    desk.publish(advice(1))

    with desk.running(account):
        desk.world.await_log(account, was_accepted)

        # when
        command(desk.world, account, CommandKind.CANCEL_OPEN)
        desk.world.await_ends(account, 1)

    # then: the log has the fill that the broker has, and no cancellation
    assert desk.story(account, 1) == PLAIN
    [order] = desk.orders(account)
    assert (order["status"], order["filled_qty"]) == ("filled", order["qty"])
    state = desk.world.state(account)
    assert (dict(state.orders), state.ends.executed, state.incidents) == ({}, 1, 0)
    assert f"{state.positions['MSFT'].quantity.normalize():f}" == order["qty"]


def test_another_order_under_our_id_is_an_incident_and_cancelled(desk: Desk) -> None:
    account = desk.open_account()

    with desk.running(account):
        # given: somebody takes the id that ours will have, for something else
        desk.world.await_log(
            account, lambda events: any(isinstance(event, AccountReconciled) for event in events)
        )
        desk.alpaca.strangers_order(
            desk.numbers[account],
            symbol="MSFT",
            qty="1",
            side="buy",
            type="limit",
            limit_price="50",
            time_in_force="day",
            client_order_id=f"{account}-1-entry",
        )

        # when
        desk.publish(advice(1))
        events = desk.world.await_log(
            account,
            lambda events: (
                any(isinstance(event, AccountHalted) for event in events)
                and desk.orders(account)[0]["status"] == "canceled"
            ),
        )

    # then
    assert [event.kind for event in events if isinstance(event, IncidentRecorded)] == [
        "order-mismatch"
    ]
    assert not [event for event in events if isinstance(event, OrderAccepted)]
    assert len(desk.orders(account)) == 1


@pytest.mark.parametrize("accepts", [True, False], ids=["accepted", "not accepted"])
def test_one_attempt_is_one_post_while_all_break_at_once(desk: Desk, *, accepts: bool) -> None:
    # given: as many orders as there are ways to break, each broken in its own
    limits = "max_open_positions = 100\nmax_notional_exposure = 90000"
    account, all_of_them = desk.open_account(limits=limits), range(1, len(BREAKS) + 1)
    for number, fault in zip(all_of_them, BREAKS.values(), strict=True):
        desk.alpaca.quote(f"T{chr(64 + number)}", bid="99.98", ask="100.02")
        named = f"{account}-{number}-entry"
        desk.alpaca.fault(**fault, accepts=accepts, client_order_id=named)
    desk.publish(*(advice(number, ticker=f"T{chr(64 + number)}") for number in all_of_them))

    # when
    with desk.running(account):
        events = desk.world.await_ends(account, *all_of_them)

    # then
    story = ADOPTED if accepts else SENT_AGAIN
    assert {number: desk.story(account, number) for number in all_of_them} == dict.fromkeys(
        all_of_them, story
    )
    assert len(desk.orders(account)) == len(BREAKS)
    assert len(desk.alpaca.posts()) == len(BREAKS) * (1 if accepts else 2)
    assert desk.alpaca.faults_pending() == 0
    assert desk.world.state(account).unresolved() == ()
    every_order_was_announced(desk, account, events)


def test_the_story_without_a_fault_is_plain(desk: Desk) -> None:
    assert played(desk, posts=1) == PLAIN
