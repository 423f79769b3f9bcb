"""From SIGTERM to the decision that a standby takes instead, again and again."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from statistics import median
from subprocess import Popen
from typing import Any, Final

from confluent_kafka.admin import AdminClient

from bench.ground import Ground, Publisher
from bench.process import running_task
from bench.results import Figure
from bench.story import advice
from consumers.clock import SystemClock
from consumers.cluster import Cluster
from events.identifiers import AccountName
from events.recommendation import Action
from events.topics import RECOMMENDATIONS
from stack.up import StackAddresses

_ACCOUNT: Final = "real"
_PATIENCE_S: Final = 60.0
_ANSWER_S: Final = 5.0


def handing_over(addresses: StackAddresses, hand_overs: int) -> Iterator[Figure]:
    """Stop the seat's owner in good order, publish at once, wait for the standby's decision."""
    waits = list[float]()
    with Ground.prepared(addresses, _ACCOUNT) as ground, ExitStack() as processes:
        publisher = Publisher(ground, RECOMMENDATIONS.name)

        def started() -> Popen[str]:
            return processes.enter_context(
                running_task("dispatch_live", settings=ground.settings(), account=_ACCOUNT)
            )

        owner = started()
        list(islice(owner.stdout or (), 2))  # AccountOpened and DispatcherStarted
        for number in range(hand_overs):
            standby = started()
            _await_members(ground.cluster, 2)
            one = advice(number, "MSFT", Action.BUY, SystemClock().now(), good=False)
            told_at = time.monotonic()
            owner.send_signal(signal.SIGTERM)
            publisher.append_one(one)
            said = map(json.loads, standby.stdout or ())
            waits.append(next(line["at"] for line in said if line["decided"]) - told_at)
            owner.wait(_PATIENCE_S)
            owner = standby
        owner.send_signal(signal.SIGTERM)
        owner.wait(_PATIENCE_S)
    yield Figure(name="hand_over.median", unit="s", value=median(waits))
    yield Figure(name="hand_over.max", unit="s", value=max(waits))


def _await_members(cluster: Cluster, count: int) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers, "log_level": 0})
    group = cluster.dispatchers_of(AccountName(_ACCOUNT))
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        [asked] = admin.describe_consumer_groups([group], request_timeout=_ANSWER_S).values()
        found: Any = asked.result()
        if len(found.members) == count and found.state.name == "STABLE":
            return
        time.sleep(0.1)
    raise TimeoutError(f"{group} has never had {count} members")
