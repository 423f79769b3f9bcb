"""Who sits at an account, who stands by, and what waits."""

import time
from threading import Event

import pytest
from confluent_kafka import Consumer, TopicPartition

from consumers.clock import SystemClock
from consumers.kafka import consumer_config
from consumers.seats import Backlog, Member, Seat, backlog_of, seat_of
from consumers.waiting import Wait, WaitReason, as_text
from events.identifiers import AccountName
from tests.dispatcher.world import PATIENCE_S, World, fresh_advice


def _seat_when(world: World, account: AccountName, members: int) -> Seat:
    """Return the seat as soon as so many processes are members, one of them with the seat."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        seat = seat_of(world.cluster, account)
        if (seat.holder is not None) + len(seat.standbys) == members and (
            seat.holder is not None or not members
        ):
            return seat
        assert time.monotonic() < deadline, seat
        Event().wait(0.02)


def test_nobody_sits_where_nobody_runs(world: World) -> None:
    account = world.open_account()

    assert seat_of(world.cluster, account).holder is None
    assert seat_of(world.cluster, account).standbys == ()


def test_the_incumbent_has_the_seat_and_the_standby_takes_it(world: World) -> None:
    account = world.open_account(tuning="")
    first = world.start(account)
    incumbent = _seat_when(world, account, 1).holder
    assert incumbent is not None
    assert incumbent.client_id.endswith(f"-{first.process.pid}")

    second = world.start(account)
    both = _seat_when(world, account, 2)

    assert both.holder == incumbent
    assert [one.client_id.rsplit("-", 1)[1] for one in both.standbys] == [f"{second.process.pid}"]
    first.kill()
    left = _seat_when(world, account, 1)
    assert left.holder == both.standbys[0]


def test_what_waits_is_counted_in_records(world: World) -> None:
    account = world.open_account()
    world.publish(fresh_advice(1), fresh_advice(2))
    world.append("recommendations", b"no event")
    nobody = seat_of(world.cluster, account)
    assert backlog_of(world.cluster, account, 0, nobody) == Backlog(records=3)
    assert backlog_of(world.cluster, account, 1, nobody) == Backlog(records=2)

    world.catch_up(account)

    # The dead letter was the last: the account's own log does not know of it, its group does.
    assert world.state(account).next_recommendation_offset == 2
    assert backlog_of(world.cluster, account, 2, nobody) == Backlog(records=0)


@pytest.mark.parametrize(
    ("holder", "is_believed"), [("ours", True), ("another", False), (None, False)]
)
def test_what_waits_is_told_with_why_while_he_who_says_so_has_the_seat(
    world: World, holder: str | None, *, is_believed: bool
) -> None:
    # given: two recommendations, and what `ours` said of them beside the group's offset
    account = world.open_account()
    world.publish(fresh_advice(1), fresh_advice(2))
    wait = Wait(reason=WaitReason.RATE_BUDGET, since=SystemClock().now(), by="ours")
    group = world.cluster.dispatchers_of(account)
    asking = Consumer(consumer_config(world.cluster.bootstrap_servers, group))
    place = TopicPartition(world.cluster.topic("recommendations"), 0, 0, as_text(wait))
    asking.commit(offsets=[place], asynchronous=False)
    asking.close()

    # when
    member = None if holder is None else Member(client_id=holder, member_id="m", host="h")
    seat = Seat(group=group, group_state="STABLE", holder=member)

    # then
    told = wait if is_believed else None
    assert backlog_of(world.cluster, account, 0, seat) == Backlog(records=2, wait=told)
    assert backlog_of(world.cluster, account, 4, seat) == Backlog(records=0)
