"""One seat per account: standbys, zombies and stalls (P1, P7)."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from events.catalog import LogEvent
from events.identifiers import AccountName
from events.order import OrderFilled
from stack import servers
from tests.builders import a_recommendation
from tests.dispatcher.held_dispatcher import Hold
from tests.dispatcher.world import Running, World, ends, fresh_advice, intents

FREEZE_S = 15
STALL_S = 9
WINDOWS = (
    Hold.BEFORE_THE_DECISION_COMMITS,
    Hold.BETWEEN_INTENT_AND_SUBMIT,
    Hold.AT_THE_POST,
    Hold.BETWEEN_SUBMIT_AND_OUTCOME,
    Hold.AFTER_THE_OUTCOME,
)
FREEZES_PER_WINDOW = 3 if os.environ.get("DISPATCHER_TEST_SWEEP") else 1


def test_a_frozen_dispatcher_that_thaws_after_its_successor_sat_down_does_no_harm(
    world: World,
) -> None:
    # given: dispatchers that stand in each window, frozen there, each with a standby
    frozen: list[tuple[AccountName, Hold, Running]] = []
    windows = [hold for hold in WINDOWS for _ in range(FREEZES_PER_WINDOW)]
    accounts = [world.open_account() for _ in windows]
    world.publish(fresh_advice(1))
    for account, hold in zip(accounts, windows, strict=True):
        frozen.append((account, hold, world.start(account, hold)))
    for account, hold, _ in frozen:
        if hold is Hold.AFTER_THE_OUTCOME:
            world.await_log(account, _filled)
    world.publish(fresh_advice(2, ticker="AAPL"))
    for _, _, running in frozen:
        running.await_hold()
        running.send(signal.SIGSTOP)
    frozen_at = time.monotonic()
    for account in accounts:
        world.start(account)

    # when: the standbys take over, and 15 s later the frozen ones thaw in the middle of their work
    for account in accounts:
        world.await_ends(account, 1, 2)
    threading.Event().wait(max(0.0, frozen_at + FREEZE_S - time.monotonic()))
    for _, _, running in frozen:
        running.send(signal.SIGCONT)
        running.go()
    world.publish(fresh_advice(3, ticker="KO"))

    # then: each recommendation has one order and one end, whoever came to it
    for account, _, _ in frozen:
        assert ends(world.await_ends(account, 1, 2, 3)) == {1: 1, 2: 1, 3: 1}
    for account, _, running in frozen:
        running.send(signal.SIGTERM)
        # Fenced, or in good order; -15 where the signal met one that was ending as fenced already.
        assert running.exit_code() in (0, 8, -signal.SIGTERM), running.said()
        assert len(intents(world.log(account))) == 3
        assert sorted(order.client_order_id for order in world.ledger(account)) == [
            f"{account}-{number}-entry" for number in (1, 2, 3)
        ]


def test_a_standby_decides_as_soon_as_the_incumbent_is_told_to_stop(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    # given: an incumbent that has decided, and a standby that folds on
    account = world.open_account(tuning="")
    incumbent = world.start(account)
    world.publish(fresh_advice(1))
    world.await_ends(account, 1)
    standby = world.start(account)
    _await_said(standby, "dispatcher_start")
    world.publish(fresh_advice(2, ticker="AAPL"))
    world.await_ends(account, 2)
    assert "seat_taken" not in standby.said()

    # when
    stopped_at = time.time()
    incumbent.send(signal.SIGTERM)
    world.publish(fresh_advice(3, ticker="KO"))
    events = world.await_ends(account, 1, 2, 3)

    # then: the standby, and nobody else, decided the third
    assert ends(events) == {1: 1, 2: 1, 3: 1}
    assert incumbent.exit_code() == 0
    assert "seat_taken" in standby.said()
    assert len({event.envelope.dispatcher_run_id for event in intents(events)}) == 2
    seconds = _claimed_at(standby, 0) - stopped_at
    record_property("sigterm_to_first_decision_s", round(seconds, 3))
    print(f"\nSIGTERM to the standby's first decision: {seconds:.2f} s")  # noqa: T201 -- measured, not asserted


def test_a_standby_of_a_historical_run_goes_on_in_the_same_history(world: World) -> None:
    # given: a historical run whose dispatcher dies at the POST, with a standby
    account = world.open_account(clock="historical")
    world.publish(a_recommendation(recommendation_id=1))
    world.publish(a_recommendation(recommendation_id=2, ticker="AAPL", **_a_day_later()))
    incumbent = world.start(account, Hold.AT_THE_POST)
    incumbent.await_hold()
    standby = world.start(account, until_caught_up=True)
    _await_said(standby, "config_loaded")

    # when
    incumbent.kill()
    assert standby.exit_code() == 0, standby.said()

    # then: nothing is told of another time, and nothing is strange
    events = [event for event in world.log(account) if event.envelope.recommendation_id]
    assert ends(events) == {1: 1, 2: 1}
    assert {event.envelope.occurred_at.year for event in events} == {2022}
    assert world.state(account).incidents == 0
    assert len(world.ledger(account)) == 2


def test_a_revision_that_crashes_in_its_checks_never_disturbs_the_incumbent(world: World) -> None:
    # given
    account = world.open_account(tuning="")
    incumbent = world.start(account)
    world.publish(fresh_advice(1))
    world.await_ends(account, 1)

    # when: it is started ten times, advice coming in between
    for number in range(2, 12):
        crashing = world.start(account, Hold.IN_ITS_CHECKS)
        world.publish(fresh_advice(number, ticker=f"T{number}"))
        assert crashing.exit_code() == 1
        world.await_ends(account, number)

    # then: the seat was taken once and never touched
    assert ends(world.log(account)) == dict.fromkeys(range(1, 12), 1)
    assert incumbent.said().count('"seat_taken"') == 1
    assert "seat_lost" not in incumbent.said()
    assert "seat_revoked" not in incumbent.said()
    assert "transaction_aborted" not in incumbent.said()


def test_a_kafka_that_stalls_for_9_s_costs_the_seat_and_nothing_else(
    breakable_world: World,
) -> None:
    # given: a dispatcher alone, with the usual session of 6 s
    world = breakable_world
    directory = world.services.directory
    assert directory is not None
    account = world.open_account(tuning="")
    running = world.start(account)
    world.publish(fresh_advice(1))
    world.await_ends(account, 1)

    # when: Kafka stands still for 9 s, advice waiting in front of it
    servers.pause(directory, "kafka")
    threading.Event().wait(STALL_S)
    servers.resume(directory, "kafka")
    world.publish(*(fresh_advice(number, ticker=f"T{number}") for number in range(2, 8)))

    # then: the same process goes on by itself; nothing is doubled, nothing is missing
    assert ends(world.await_ends(account, *range(1, 8))) == dict.fromkeys(range(1, 8), 1)
    assert running.process.poll() is None
    orders = [order.client_order_id for order in world.ledger(account)]
    assert len(orders) == len(set(orders)) == len(intents(world.log(account)))


def test_a_brokerage_that_does_not_answer_for_9_s_stops_no_other_decision(world: World) -> None:
    # given: a dispatcher whose first order is answered only after 9 s
    account = world.open_account(tuning="")
    running = world.start(account, Hold.BETWEEN_SUBMIT_AND_OUTCOME)
    world.publish(fresh_advice(1))
    running.await_hold()

    # when: more advice comes in meanwhile
    world.publish(fresh_advice(2, ticker="AAPL"))
    world.await_ends(account, 2)
    threading.Event().wait(STALL_S)
    assert 1 not in ends(world.log(account))
    running.go()

    # then: each has one order and one end
    assert ends(world.await_ends(account, 1, 2)) == {1: 1, 2: 1}
    assert len(world.ledger(account)) == 2
    assert running.process.poll() is None


def _a_day_later() -> dict[str, datetime]:
    later = a_recommendation().issued_at + timedelta(days=1)
    return {"issued_at": later, "bar_at": later, "features_at": later}


def _filled(events: list[LogEvent]) -> bool:
    return any(isinstance(event, OrderFilled) for event in events)


def _await_said(running: Running, word: str) -> None:
    deadline = time.monotonic() + 30
    while word not in running.said():
        assert running.process.poll() is None, running.said()
        assert time.monotonic() < deadline, running.said()
        threading.Event().wait(0.02)


def _claimed_at(running: Running, number: int) -> float:
    lines = [json.loads(line) for line in running.said().splitlines() if line.startswith("{")]
    claims = [line for line in lines if line["event"] == "recommendations_claimed"]
    return datetime.fromisoformat(claims[number]["timestamp"]).timestamp()
