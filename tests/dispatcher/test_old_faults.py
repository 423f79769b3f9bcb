"""The faults of the service this replaces, as far as dispatching is concerned."""

import pytest

from accounts.limits import LARGE
from accounts.state import TradingStatus
from brokers.alpaca.bodies import OrderBody
from consumers.dispatcher.facts import Reported
from consumers.dispatcher.outcomes import Writer, events_of
from events.account import AccountReduced
from events.decision import RecommendationDeclined
from events.identifiers import ClientOrderId
from events.order import OrderAccepted, OrderFilled
from tests.builders import NOW, an_account, an_author
from tests.dispatcher.held_dispatcher import Hold, Trouble
from tests.dispatcher.world import World, ends, fresh_advice, intents
from tests.order_builders import an_intent

INTENT = an_intent()
ORDER = ClientOrderId(INTENT.terms.client_order_id)
BODY = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "client_order_id": ORDER,
    "symbol": "MSFT",
    "side": "buy",
    "status": "new",
    "qty": "10",
    "filled_qty": "0",
    "filled_avg_price": None,
    "limit_price": "101",
    "created_at": NOW.isoformat(),
}
WRITER = Writer(
    author=an_author(), now=NOW, limits=LARGE, submit_window_ms=3_000, answer_within_ms=13_000
)


def test_fault_a_null_fill_price_was_written_as_a_simulated_execution() -> None:
    # given: an order that lives at the broker and has not filled, so that it has no price
    report = OrderBody.model_validate(BODY).report()
    state = an_account(INTENT)

    # when
    events = events_of(Reported(order=ORDER, report=report, looked_up=False), state, WRITER)

    # then: it is an open order, and nothing was executed
    assert [type(event) for event in events] == [OrderAccepted]
    after = an_account(INTENT, *events)
    assert (after.ends.total, dict(after.positions), list(after.orders)) == (0, {}, [ORDER])


def test_fault_a_fill_without_a_price_was_given_one() -> None:
    body = OrderBody.model_validate(BODY | {"status": "filled", "filled_qty": "10"})

    with pytest.raises(ValueError, match="at no price"):
        body.report()


def test_fault_an_order_was_sent_with_nothing_recorded(world: World) -> None:
    # given: a dispatcher that stands still at the POST of an order
    account = world.open_account()
    world.publish(fresh_advice(1))
    running = world.start(account, Hold.AT_THE_POST)

    # when
    running.await_hold()

    # then: the log knows the order by the name that the broker is about to read
    [intent] = intents(world.log(account))
    assert world.ledger(account) == []
    running.go()
    world.await_ends(account, 1)
    [order] = world.ledger(account)
    assert order.client_order_id == intent.terms.client_order_id


def test_fault_a_time_out_became_an_execution_that_nobody_had_made(world: World) -> None:
    # given: a broker that takes the order and does not answer
    account = world.open_account(
        tuning="session_timeout_ms = 1500\nsubmit_window_ms = 500\nanswer_within_ms = 900"
    )
    world.publish(fresh_advice(1))

    # when
    running = world.start(account, trouble=Trouble.BREAKS_AFTER_ACCEPTING, until_caught_up=True)
    assert running.exit_code() == 0, running.said()

    # then: what is written as filled is what the broker filled, in its quantity and at its price
    [order] = world.ledger(account)
    events = world.log(account)
    fills = [event for event in events if isinstance(event, OrderFilled)]
    assert [(fill.quantity, fill.price) for fill in fills] == [
        (fill.quantity, fill.price) for fill in order.fills
    ]
    assert ends(events) == {1: 1}


def test_fault_one_account_starved_another(world: World) -> None:
    # given: an account that stands still in the middle of its first decision
    stuck, free = world.open_account(), world.open_account()
    tickers = ("MSFT", "AAPL", "KO")
    numbers = range(1, len(tickers) + 1)
    world.publish(*(fresh_advice(n, ticker=t) for n, t in zip(numbers, tickers, strict=True)))
    held = world.start(stuck, Hold.BEFORE_THE_DECISION_COMMITS)
    held.await_hold()

    # when
    world.start(free)

    # then: the other one gets every recommendation, and so does the first once it goes on
    assert ends(world.await_ends(free, *numbers)) == dict.fromkeys(numbers, 1)
    assert not ends(world.log(stuck))
    held.go()
    assert ends(world.await_ends(stuck, *numbers)) == dict.fromkeys(numbers, 1)


def test_fault_a_day_of_losses_stopped_nobody(world: World) -> None:
    # given: an account that may lose a cent a day; what it buys fills 5 bps dearer than it is worth
    account = world.open_account(limits='max_daily_loss = "0.01"')
    world.publish(fresh_advice(1))
    world.catch_up(account)

    # when: the next entries come, and another run after them
    world.publish(fresh_advice(2, ticker="MSFT"), fresh_advice(3, ticker="AAPL"))
    world.catch_up(account)

    # then: they are declined, and the account has reduced itself once
    events = world.log(account)
    declined = [event for event in events if isinstance(event, RecommendationDeclined)]
    assert [one.envelope.recommendation_id for one in declined] == [2, 3]
    assert all("daily_loss_limit" in one.declined_by for one in declined)
    assert [type(event) for event in events].count(AccountReduced) == 1
    assert world.state(account).trading.status is TradingStatus.REDUCED
