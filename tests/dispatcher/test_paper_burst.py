"""More advice than a minute has requests: in order, none turned away, commands first."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from brokers.alpaca import rate
from consumers.account_facts import account_facts
from consumers.clock import SystemClock
from consumers.dispatcher.submitter import THREADS
from consumers.waiting import WaitReason
from events.account import AccountHalted
from events.catalog import LogEvent
from events.command import CommandKind
from events.decision import RecommendationDeclined
from events.identifiers import AccountName
from events.order import OrderCanceled, OrderIntended, OrderResent
from stack.alpaca_server.control import AlpacaControl
from tests.dispatcher import world as the_world
from tests.dispatcher.commands import all_of, await_one, command
from tests.dispatcher.paper import Desk, a_desk, advice, until
from tests.dispatcher.world import ANY_NUMBER_OF_ORDERS, World, ends, intents

PER_MINUTE = 200
MINUTE_S = 20
"""What a minute is here, for the fake and for our own count."""

ON_ITS_WAY_S = 0.5
"""From the last look at a window, which comes before the first byte, to the broker's receipt."""

PATIENCE_S = 240.0
"""Five hundred ends take their time where other tests run beside it."""

ONE_MINUTES_ORDERS = (PER_MINUTE - rate.KEPT_FREE) // 2

SMALL = f"""{ANY_NUMBER_OF_ORDERS}sizing_method = "fixed_notional"
fixed_notional = 150
"""


@pytest.fixture
def desk(world: World, alpaca: AlpacaControl, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(rate, "WINDOW_S", float(MINUTE_S))
    monkeypatch.setattr(the_world, "PATIENCE_S", PATIENCE_S)
    with a_desk(world, alpaca) as desk:
        desk.alpaca.rate_limit(PER_MINUTE, window_s=MINUTE_S)
        yield desk


def a_burst(desk: Desk, count: int) -> None:
    """Publish advice on so many stocks in one go."""
    for number in range(1, count + 1):
        desk.alpaca.quote(f"T{number}", bid="99.98", ask="100.02")
    desk.publish(*(advice(number, ticker=f"T{number}") for number in range(1, count + 1)))


def decided(events: list[LogEvent]) -> list[int | None]:
    """Return whose turn it was, in the log's order."""
    return [
        event.envelope.recommendation_id
        for event in events
        if isinstance(event, OrderIntended | RecommendationDeclined)
    ]


def sent_late(desk: Desk, events: list[LogEvent]) -> list[dict[str, Any]]:
    """Return the POSTs that came in when their last window had passed, and their way with it."""
    until_ns = {
        intent.terms.client_order_id: intent.submit_before.timestamp() * 1e9
        for intent in intents(events)
    }
    # What a busy machine kept back until its window had passed was announced once more.
    for resent in all_of(events, OrderResent):
        until_ns[resent.client_order_id] = resent.submit_before.timestamp() * 1e9
    return [
        post
        for post in desk.alpaca.posts()
        if post["received_at"] > until_ns[post["client_order_id"]] + ON_ITS_WAY_S * 1e9
    ]


def waits_for(desk: Desk, account: AccountName) -> WaitReason | None:
    """Return what `accounts show` says that the account's advice waits for."""
    world = desk.world
    facts = account_facts(desk.settings, desk.settings.account(account), world.codec)
    wait = None if facts.backlog is None else facts.backlog.wait
    return None if wait is None else wait.reason


def overtaken(desk: Desk, events: list[LogEvent]) -> list[int]:
    """Return for each POST how many of an earlier decision were still to come in.

    Of orders that went out as announced; what was announced once more comes when it comes.
    """
    again = {resent.client_order_id for resent in all_of(events, OrderResent)}
    turn = {one.terms.client_order_id: place for place, one in enumerate(intents(events))}
    came = [
        turn[post["client_order_id"]]
        for post in desk.alpaca.posts()
        if post["client_order_id"] not in again
    ]
    return [sum(later < place for later in came[number + 1 :]) for number, place in enumerate(came)]


def statuses(desk: Desk) -> set[int]:
    return {request["status"] for request in desk.alpaca.requests()}


def test_a_burst_goes_out_in_order_at_the_brokers_rate_and_what_went_stale_does_not(
    desk: Desk,
) -> None:
    # given: six minutes of orders, and advice that keeps for little more than one
    freshness_s = MINUTE_S + 6
    limits = f"{SMALL}recommendation_freshness_seconds = {freshness_s}"
    # what is sent arrives a moment later: the usual window has room for that, a short one has not
    account = desk.open_account(limits=limits, tuning="")

    # when
    with capture_logs() as lines, desk.running(account):
        until(lambda: desk.alpaca.listeners(desk.numbers[account]))
        a_burst(desk, 500)
        events = desk.world.await_ends(account, *range(1, 501))

    # then: each in its turn
    assert decided(events) == list(range(1, 501))
    assert ends(events) == dict.fromkeys(range(1, 501), 1)
    assert [line for line in lines if line["event"] == "waiting_for_the_rate_budget"]

    # and: nobody was turned away, and nothing was sent too late
    assert 429 not in statuses(desk)
    assert sent_late(desk, events) == []
    posted = [post["client_order_id"] for post in desk.alpaca.posts()]
    assert len(set(posted)) == len(posted) > ONE_MINUTES_ORDERS

    # and: they came in as they were decided, but for those that are on their way side by side.
    # Their threads and connections race; more can be had only by waiting for the answer to each
    # before the next goes out. A decision waits for a free thread, so no POST overtakes more than
    # the other threads have on their way.
    assert max(overtaken(desk, events)) < THREADS

    # and: what went stale waiting says so, and no market was asked about it
    stale = all_of(events, RecommendationDeclined)
    assert stale
    assert {event.declined_by[0] for event in stale} == {"recommendation_freshness"}
    assert {event.market for event in stale} == {None}


def test_a_halt_and_cancels_overtake_a_burst(desk: Desk) -> None:
    # given: orders that wait in the market, and advice that waits for room
    account = desk.open_account(limits=SMALL)
    desk.alpaca.habits(fill_after_ms=None)

    with capture_logs() as lines, desk.running(account):
        until(lambda: desk.alpaca.listeners(desk.numbers[account]))
        a_burst(desk, 300)
        until(lambda: any(line["event"] == "waiting_for_the_rate_budget" for line in lines))

        # and: whoever asks is told what it waits for
        until(lambda: waits_for(desk, account) is WaitReason.RATE_BUDGET)

        # when
        command(desk.world, account, CommandKind.CANCEL_OPEN)
        await_one(desk.world, account, AccountHalted)

        # then: what is open is cancelled, and what waited is declined by the halt
        events = desk.world.await_ends(account, *range(1, 301))
        assert waits_for(desk, account) is None

    place = [type(event) for event in events].index(AccountHalted)
    assert all_of(events[place:], OrderIntended) == []
    assert all_of(events[:place], OrderIntended)
    assert len(all_of(events, OrderCanceled)) == len(desk.orders(account))
    waited = all_of(events[place:], RecommendationDeclined)
    assert waited
    assert {event.declined_by[0] for event in waited} == {"account_active"}
    assert 429 not in statuses(desk)


def test_what_was_turned_away_goes_out_after_the_reset(desk: Desk) -> None:
    # given: a broker that turns the first POST away until some seconds from now
    account = desk.open_account(limits=SMALL)
    reset = int(SystemClock().now().timestamp()) + 4
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    desk.alpaca.fault("body", status=429, body='{"message":"too many requests."}', headers=headers)
    desk.publish(advice(1))

    # when
    with desk.running(account):
        events = desk.world.await_ends(account, 1)

    # then
    assert ends(events) == {1: 1}
    [turned_away, sent] = desk.alpaca.posts()
    assert sent["client_order_id"] == turned_away["client_order_id"]
    assert sent["received_at"] >= reset * 1_000_000_000
