"""An operator's commands: obeyed once, by whoever has the seat, before anything else is decided."""

import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.state import TradingStatus
from consumers.commands import issue
from consumers.topics_admin import apply_topics
from events.account import AccountHalted, AccountReduced, AccountResumed, CommandRefused
from events.command import CommandKind
from events.decision import RecommendationDeclined, RecommendationFailed
from events.identifiers import AccountName
from events.order import OrderAccepted, OrderCanceled, OrderIntended
from events.topics import commands_of
from tests.builders import a_recommendation
from tests.dispatcher.commands import a_wish, all_of, await_number, await_one, command
from tests.dispatcher.held_dispatcher import Hold, Trouble
from tests.dispatcher.world import World, ends, fresh_advice, intents

RESTING = "simulation = { resting_orders = true }"


def test_a_halted_account_decides_and_orders_nothing_until_it_is_resumed(world: World) -> None:
    # given: an account that trades
    account = world.open_account()
    world.start(account)
    world.publish(fresh_advice(1))
    world.await_ends(account, 1)

    # when
    wish = command(world, account, CommandKind.HALT)
    halted = await_one(world, account, AccountHalted)
    world.publish(fresh_advice(2, ticker="AAPL"))
    world.await_ends(account, 2)

    # then: it says who and why, and declines
    assert (halted.by, halted.reason) == (wish.by, wish.reason)
    assert halted.envelope.causation_id == f"command:{wish.command_id}"
    assert len(world.ledger(account)) == 1
    assert world.state(account).ends.declined == 1

    # and: resumed, it trades again
    command(world, account, CommandKind.RESUME)
    await_one(world, account, AccountResumed)
    world.publish(fresh_advice(3, ticker="KO"))
    world.await_ends(account, 3)
    assert len(world.ledger(account)) == 2


def test_a_decision_says_how_far_the_commands_had_been_read(world: World) -> None:
    account = world.open_account()
    world.start(account)
    command(world, account, CommandKind.HALT)
    await_one(world, account, AccountHalted)

    world.publish(fresh_advice(1))

    declined = await_one(world, account, RecommendationDeclined)
    assert declined.seen.commands == 1
    assert "account_active" in declined.declined_by


def test_a_command_given_while_nobody_runs_is_obeyed_before_the_first_decision(
    world: World,
) -> None:
    # given: advice and a halt, both from before the dispatcher starts
    account = world.open_account()
    world.publish(fresh_advice(1))
    command(world, account, CommandKind.HALT)

    # when
    world.catch_up(account)

    # then
    kinds = [type(event) for event in world.log(account)]
    assert kinds.index(AccountHalted) < kinds.index(RecommendationDeclined)
    assert world.ledger(account) == []


def test_a_command_is_obeyed_that_stands_where_another_stood_before_its_topic_was_made_anew(
    world: World,
) -> None:
    # given: an account that has answered two commands, and then lost the topic of them
    account = world.open_account()
    command(world, account, CommandKind.HALT)
    command(world, account, CommandKind.RESUME)
    world.catch_up(account)
    for deleted in world.admin.delete_topics(
        [world.cluster.topic(commands_of(account).name)]
    ).values():
        deleted.result(30)
    apply_topics(world.cluster, [account], replication_factor=1)

    # when: as many come while nobody runs
    reduced = command(world, account, CommandKind.REDUCE)
    halted = command(world, account, CommandKind.HALT)
    world.catch_up(account)

    # then
    assert world.state(account).trading.status is TradingStatus.HALTED
    answered = {event.envelope.causation_id for event in world.log(account)}
    assert {f"command:{wish.command_id}" for wish in (reduced, halted)} <= answered


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_halt_survives_a_restart_and_a_hand_over(world: World, number: signal.Signals) -> None:
    # given: a halted account with a standby
    account = world.open_account()
    incumbent = world.start(account)
    command(world, account, CommandKind.HALT)
    await_one(world, account, AccountHalted)
    standby = world.start(account)

    # when: the standby takes over, and then a third process from nothing
    incumbent.send(number)
    world.publish(fresh_advice(1))
    world.await_ends(account, 1)
    standby.kill()
    world.publish(fresh_advice(2))
    world.catch_up(account)

    # then: nothing was ordered, and the command is answered once
    state = world.state(account)
    assert state.trading.status is TradingStatus.HALTED
    assert state.ends.declined == 2
    assert world.ledger(account) == []
    assert len(all_of(world.log(account), AccountHalted)) == 1


def test_a_reduced_account_sends_what_closes_and_nothing_else(world: World) -> None:
    # given: an account with a holding, reduced
    account = world.open_account(limits="ticker_cooldown_minutes = 0")
    world.start(account)
    world.publish(fresh_advice(1))
    world.await_ends(account, 1)
    command(world, account, CommandKind.REDUCE)
    await_one(world, account, AccountReduced)

    # when: advice to enter, and advice to close
    closing = fresh_advice(3, action=a_recommendation().action.SELL)
    world.publish(fresh_advice(2, ticker="AAPL"), closing)
    world.await_ends(account, 2, 3)

    # then
    assert [intent.envelope.recommendation_id for intent in intents(world.log(account))] == [1, 3]
    assert len(world.ledger(account)) == 2


def test_what_cannot_be_obeyed_is_refused_in_words_and_blocks_nothing(world: World) -> None:
    # given: an expired command, one for another account, one that is none, one read twice
    account = world.open_account()
    other = AccountName("somebody-else")
    expired = a_wish(account, CommandKind.HALT, expires_in=timedelta(seconds=-1))
    foreign = replace(a_wish(account, CommandKind.HALT), account_name=other)
    resume = a_wish(account, CommandKind.RESUME)
    halt = a_wish(account, CommandKind.HALT)
    topic = commands_of(account).name
    junk = b"\x00\xff\xff\xff\xffhalt!"
    sent = [world.codec.encode(one) for one in (expired, foreign, resume)]
    last = world.codec.encode(halt)
    world.append(topic, *sent, junk, last, last, world.codec.encode(expired))

    # when
    world.catch_up(account)

    # then: each is answered once, and the halt behind them is obeyed
    events = world.log(account)
    reasons = [event.reason for event in all_of(events, CommandRefused)]
    assert len(reasons) == 4
    assert "expired" in reasons[0]
    assert "somebody-else" in reasons[1]
    assert "active already" in reasons[2]
    assert "undecodable" in reasons[3]
    assert len(all_of(events, AccountHalted)) == 1
    assert world.dead_letters() == [junk]

    # and: a restart answers nothing again
    world.catch_up(account)
    again = world.log(account)
    assert len(all_of(again, CommandRefused)) == 4
    assert len(all_of(again, AccountHalted)) == 1


def test_a_halt_in_the_middle_of_a_post_names_it_and_its_outcome_is_written(world: World) -> None:
    # given: an order whose POST is under way
    account = world.open_account(tuning="")
    running = world.start(account, Hold.BETWEEN_SUBMIT_AND_OUTCOME)
    world.publish(fresh_advice(1))
    running.await_hold()

    # when
    command(world, account, CommandKind.HALT)
    halted = await_one(world, account, AccountHalted)

    # then: it is named, and what became of it is known later
    assert halted.in_flight == (f"{account}-1-entry",)
    running.go()
    assert ends(world.await_ends(account, 1)) == {1: 1}
    assert world.state(account).ends.executed == 1


def test_an_order_that_had_not_started_fails_at_once(world: World) -> None:
    # given: an intent whose POST has not passed the gate yet
    account = world.open_account(tuning="")
    running = world.start(account, Hold.BETWEEN_INTENT_AND_SUBMIT)
    world.publish(fresh_advice(1))
    running.await_hold()

    # when
    command(world, account, CommandKind.HALT)
    halted = await_one(world, account, AccountHalted)
    running.go()

    # then
    assert halted.in_flight == ()
    failed = await_one(world, account, RecommendationFailed)
    assert failed.error.startswith("NeverSent: halted by maria")
    assert world.ledger(account) == []


def test_an_unclear_order_is_settled_while_the_account_is_halted(world: World) -> None:
    # given: an order that broke off after the broker had taken it, and a halt at once
    account = world.open_account(
        tuning="session_timeout_ms = 1500\nsubmit_window_ms = 500\nanswer_within_ms = 900"
    )
    world.publish(fresh_advice(1))
    running = world.start(account, Hold.AT_THE_POST, trouble=Trouble.BREAKS_AFTER_ACCEPTING)
    running.await_hold()
    command(world, account, CommandKind.HALT)
    await_one(world, account, AccountHalted)

    # when
    running.go()

    # then: it is looked up and adopted; nothing is sent again
    world.await_ends(account, 1)
    assert world.state(account).ends.executed == 1
    assert len(world.ledger(account)) == 1


def test_cancel_open_cancels_what_works_at_the_broker(world: World) -> None:
    # given: two orders that work at the broker
    account = world.open_account(more=RESTING)
    world.start(account)
    world.publish(fresh_advice(1), fresh_advice(2, ticker="AAPL"))
    await_number(world, account, OrderAccepted, 2)

    # when
    command(world, account, CommandKind.CANCEL_OPEN)

    # then: both are cancelled, and nothing is open at either side
    assert len(await_number(world, account, OrderCanceled, 2)) == 2
    state = world.state(account)
    assert state.trading.cancel_open
    assert (len(state.orders), state.ends.expired) == (0, 2)
    assert state.reserved == 0
    assert _working(world, account) == set()


def test_an_order_that_turns_out_accepted_after_cancel_open_is_cancelled_too(
    world: World,
) -> None:
    # given: an order whose acceptance is not known yet when everything is to be cancelled
    account = world.open_account(more=RESTING, tuning="")
    running = world.start(account, Hold.BETWEEN_SUBMIT_AND_OUTCOME)
    world.publish(fresh_advice(1))
    running.await_hold()
    command(world, account, CommandKind.CANCEL_OPEN)
    halted = await_one(world, account, AccountHalted)
    assert halted.in_flight == (f"{account}-1-entry",)

    # when
    running.go()

    # then
    await_one(world, account, OrderCanceled)
    assert _working(world, account) == set()


def test_cancel_open_goes_on_in_the_next_dispatcher(world: World) -> None:
    # given: a dispatcher that dies between an order and its outcome, and then the command
    account = world.open_account(more=RESTING)
    world.publish(fresh_advice(1))
    dying = world.start(account, Hold.BETWEEN_SUBMIT_AND_OUTCOME)
    dying.await_hold()
    dying.kill()
    command(world, account, CommandKind.CANCEL_OPEN)
    assert _working(world, account) == {f"{account}-1-entry"}

    # when
    world.start(account)

    # then: it is found, adopted and cancelled
    await_one(world, account, OrderCanceled)
    assert _working(world, account) == set()
    assert world.state(account).trading.cancel_open


def test_a_halt_over_a_reduction_is_obeyed_and_a_reduction_over_a_halt_is_not(
    world: World,
) -> None:
    account = world.open_account()
    kinds = (CommandKind.REDUCE, CommandKind.HALT, CommandKind.REDUCE, CommandKind.CANCEL_OPEN)
    issue(world.cluster, world.codec, [a_wish(account, kind) for kind in kinds])

    world.catch_up(account)

    answers = [
        type(event)
        for event in world.log(account)
        if isinstance(event, AccountReduced | AccountHalted | CommandRefused)
    ]
    assert answers == [AccountReduced, AccountHalted, CommandRefused, AccountHalted]


def test_a_historical_account_is_halted_at_its_own_time(world: World) -> None:
    # given: an account whose history has begun
    account = world.open_account(clock="historical")
    world.publish(a_recommendation(recommendation_id=1))
    world.catch_up(account)

    # when
    command(world, account, CommandKind.HALT)
    world.catch_up(account)

    # then
    [halted] = all_of(world.log(account), AccountHalted)
    [intent] = all_of(world.log(account), OrderIntended)
    assert halted.envelope.occurred_at == intent.envelope.occurred_at


def _working(world: World, account: AccountName) -> set[str]:
    newest = {order.client_order_id: order for order in world.ledger(account)}
    return {name for name, order in newest.items() if order.status == "WORKING"}
