"""However often and however roughly the seat changes hands, nothing is decided twice (P1, P2)."""

import os
import random
import signal
import time
from collections import Counter
from typing import Final

from consumers.dispatcher.log_reader import AccountLog
from events.account import DispatcherStarted
from events.decision import RecommendationDeclined, RecommendationFailed, Stage
from events.order import OrderIntended
from tests.dispatcher.world import (
    ANY_NUMBER_OF_ORDERS,
    PATIENCE_S,
    Running,
    World,
    ends,
    fresh_advice,
    intents,
)

SWEEP: Final = bool(os.environ.get("DISPATCHER_TEST_SWEEP"))
HAND_OVERS: Final = 50 if SWEEP else 4
SEED: Final = int(os.environ.get("DISPATCHER_TEST_SEED", "20261124"))
WAYS: Final = (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP)


class Bench:
    """The processes of one account, the seat's owner among them, and a stream of advice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account = world.open_account(limits=ANY_NUMBER_OF_ORDERS, starting_cash=10**9)
        self.log = AccountLog(world.cluster, self.account, world.codec)
        self.published = 0

    def say_more(self, count: int) -> None:
        for number in range(self.published + 1, self.published + 1 + count):
            self.world.publish(fresh_advice(number, ticker=f"T{number}"))
        self.published += count

    def fill_up(self, processes: int) -> None:
        alive = [one for one in self.world.started if one.process.poll() is None]
        for _ in range(processes - len(alive)):
            self.world.start(self.account)

    def seated(self, after: Running | None) -> Running:
        """Return who has taken the seat last, once that is not `after`; advice comes meanwhile."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            version = self.log.read_to_end().version
            if version is not None:
                [owner] = [one for one in self.world.started if str(version.run_id) in one.said()]
                if owner is not after:
                    return owner
            assert time.monotonic() < deadline, [one.said() for one in self.world.started[-3:]]
            self.say_more(1)


def test_no_recommendation_is_decided_twice_however_the_seat_changes_hands(world: World) -> None:
    print(f"\nDISPATCHER_TEST_SEED={SEED}, {HAND_OVERS} hand-overs")  # noqa: T201 -- to do it again
    chance = random.Random(SEED)  # noqa: S311 -- repeatable, not secret
    bench = Bench(world)
    bench.fill_up(2)
    ways = (list(WAYS) * HAND_OVERS)[:HAND_OVERS]
    chance.shuffle(ways)
    owner = bench.seated(after=None)

    # when: the seat's owner is stopped, killed or frozen in the midst of advice, again and again
    for way in ways:
        bench.say_more(chance.randint(1, 6))
        owner.send(way)
        successor = bench.seated(after=owner)
        if way is signal.SIGSTOP:
            owner.send(signal.SIGCONT)
        bench.fill_up(3)
        owner = successor
    bench.say_more(1)

    # then: each recommendation has one decision, one end, and at most one order
    everything = range(1, bench.published + 1)
    events = world.await_ends(bench.account, *everything)
    decided = Counter(
        event.envelope.recommendation_id
        for event in events
        if isinstance(event, OrderIntended | RecommendationDeclined)
        or (isinstance(event, RecommendationFailed) and event.stage is Stage.DECIDE)
    )
    assert decided == dict.fromkeys(everything, 1)
    assert ends(events) == dict.fromkeys(everything, 1)
    orders = [order.client_order_id for order in world.ledger(bench.account)]
    assert len(orders) == len(set(orders)) <= len(intents(events))
    assert sum(isinstance(event, DispatcherStarted) for event in events) > HAND_OVERS
    assert world.state(bench.account).incidents == 0
    bench.log.close()
