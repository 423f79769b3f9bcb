"""Every way a POST can end: each in the right event, none in a second order (P1, P2, P3)."""

from collections.abc import Sequence

import pytest

from events.catalog import LogEvent
from events.order import (
    OrderAccepted,
    OrderFilled,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderResent,
    RejectionClass,
)
from tests.dispatcher.held_dispatcher import Trouble
from tests.dispatcher.world import World, ends, fresh_advice

QUICK = "session_timeout_ms = 6000\nsubmit_window_ms = 2500\nanswer_within_ms = 3000"
STORIES: Sequence[tuple[Trouble, list[type[LogEvent]]]] = (
    (
        Trouble.BREAKS_AFTER_ACCEPTING,
        [OrderIntended, OrderOutcomeUnknown, OrderAccepted, OrderFilled],
    ),
    (
        Trouble.BREAKS_BEFORE_ACCEPTING,
        [OrderIntended, OrderOutcomeUnknown, OrderResent, OrderAccepted, OrderFilled],
    ),
    (
        Trouble.A_BUG_IN_THE_ADAPTER,
        [OrderIntended, OrderOutcomeUnknown, OrderResent, OrderAccepted, OrderFilled],
    ),
    (Trouble.NOT_ACCEPTED, [OrderIntended, OrderResent, OrderAccepted, OrderFilled]),
    (Trouble.REFUSED, [OrderIntended, OrderRejected]),
)


@pytest.mark.parametrize(("trouble", "story"), STORIES, ids=[one.value for one, _ in STORIES])
def test_a_post_that_breaks_is_settled_by_what_the_broker_has(
    world: World, trouble: Trouble, story: list[type[LogEvent]]
) -> None:
    # given: a broker that is in trouble at the first POST of each order
    account = world.open_account(tuning=QUICK)
    world.publish(fresh_advice(1), fresh_advice(2, ticker="AAPL"))

    # when
    running = world.start(account, trouble=trouble, until_caught_up=True)
    assert running.exit_code() == 0, running.said()

    # then: each order went through the same story, to one end
    events = world.log(account)
    for number in (1, 2):
        told = [type(event) for event in events if event.envelope.recommendation_id == number]
        assert told == story
    assert ends(events) == {1: 1, 2: 1}
    assert len(world.ledger(account)) == (0 if trouble is Trouble.REFUSED else 2)


def test_an_order_found_by_looking_it_up_is_adopted(world: World) -> None:
    account = world.open_account(tuning=QUICK)
    world.publish(fresh_advice(1))

    running = world.start(account, trouble=Trouble.BREAKS_AFTER_ACCEPTING, until_caught_up=True)
    assert running.exit_code() == 0, running.said()

    [accepted] = [event for event in world.log(account) if isinstance(event, OrderAccepted)]
    assert accepted.adopted
    assert [order.broker_order_id for order in world.ledger(account)] == [accepted.broker_order_id]


def test_a_refusal_keeps_the_brokers_own_words(world: World) -> None:
    account = world.open_account(tuning=QUICK)
    world.publish(fresh_advice(1))

    running = world.start(account, trouble=Trouble.REFUSED, until_caught_up=True)
    assert running.exit_code() == 0, running.said()

    [rejected] = [event for event in world.log(account) if isinstance(event, OrderRejected)]
    assert rejected.message == "insufficient buying power"
    assert (rejected.status, rejected.code) == (403, 40310000)
    assert rejected.rejection_class is RejectionClass.BUYING_POWER
    assert world.state(account).reserved == 0
