"""`kill -9` inside each window of an order's way: nothing twice, nothing missing (P1, P2, P3)."""

import os
from collections.abc import Callable, Sequence

import pytest

from events.catalog import LogEvent
from events.identifiers import AccountName
from events.order import OrderFilled
from tests.dispatcher.held_dispatcher import Hold
from tests.dispatcher.world import World, ends, fresh_advice, intents

KILLS_PER_WINDOW = 3 if os.environ.get("DISPATCHER_TEST_SWEEP") else 1


def _nothing_decided(world: World, account: AccountName) -> bool:
    return not intents(world.log(account)) and not world.ledger(account)


def _intent_without_order(world: World, account: AccountName) -> bool:
    return len(intents(world.log(account))) == 1 and not world.ledger(account)


def _order_without_outcome(world: World, account: AccountName) -> bool:
    return world.state(account).unresolved() != () and len(world.ledger(account)) == 1


def _outcome_durable(world: World, account: AccountName) -> bool:
    return ends(world.log(account)) == {1: 1} and len(world.ledger(account)) == 1


WINDOWS: Sequence[tuple[Hold, Callable[[World, AccountName], bool]]] = (
    (Hold.BEFORE_THE_DECISION_COMMITS, _nothing_decided),
    (Hold.BETWEEN_INTENT_AND_SUBMIT, _intent_without_order),
    (Hold.AT_THE_POST, _intent_without_order),
    (Hold.BETWEEN_SUBMIT_AND_OUTCOME, _order_without_outcome),
    (Hold.AFTER_THE_OUTCOME, _outcome_durable),
)


@pytest.mark.parametrize(("hold", "durable_then"), WINDOWS, ids=[hold.value for hold, _ in WINDOWS])
def test_a_dispatcher_killed_in_a_window_neither_repeats_nor_loses_an_order(
    world: World, hold: Hold, durable_then: Callable[[World, AccountName], bool]
) -> None:
    # given: three accounts whose dispatchers stand in the window
    accounts = [world.open_account() for _ in range(KILLS_PER_WINDOW)]
    world.publish(fresh_advice(1))
    held = [world.start(account, hold) for account in accounts]
    if hold is Hold.AFTER_THE_OUTCOME:
        for account in accounts:
            world.await_log(account, _filled)
        world.publish(fresh_advice(2, ticker="AAPL"))
    for running in held:
        running.await_hold()

    # when: each is killed there, which the log and the ledger prove, and started again
    for account, running in zip(accounts, held, strict=True):
        running.kill()
        assert durable_then(world, account)
    if hold is not Hold.AFTER_THE_OUTCOME:
        world.publish(fresh_advice(2, ticker="AAPL"))
    world.catch_up(*accounts)

    # then: one order and one end for each recommendation, in the log as in the broker's book
    for account in accounts:
        assert ends(world.log(account)) == {1: 1, 2: 1}
        assert len(intents(world.log(account))) == 2
        assert sorted(order.client_order_id for order in world.ledger(account)) == [
            f"{account}-1-entry",
            f"{account}-2-entry",
        ]
        assert not world.state(account).orders


def _filled(events: list[LogEvent]) -> bool:
    return any(isinstance(event, OrderFilled) for event in events)
