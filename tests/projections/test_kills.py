"""Killed at random while two accounts append: afterwards the tables are what the logs say."""

import os
import random
import signal
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Final, Literal, TypeAlias

import psycopg
import pytest
from confluent_kafka import KafkaException

from events.catalog import AnyEvent
from events.identifiers import AccountName
from events.order import OrderFilled
from projections.catalog import PROJECTIONS
from stack import servers
from tests.projections.driving import rows
from tests.projections.processes import ACCOUNTS, await_executed, executions, project
from tests.projections.projecting import World, world_on
from tests.projections.story import Log
from tests.projections.verifying import verified
from tests.services import Services

Victim: TypeAlias = Literal["projector", "backend", "postgres", "kafka"]
SWEEP: Final = bool(os.environ.get("DISPATCHER_TEST_SWEEP"))
KILLS: Final = int(os.environ.get("DISPATCHER_TEST_KILLS", "200" if SWEEP else "4"))
PER_ROUND: Final = int(os.environ.get("DISPATCHER_TEST_PER_ROUND", "2500" if SWEEP else "12"))
"""Executions between two kills, of two events each, and half as many declines."""
PER_TRANSACTION: Final = 2 if PER_ROUND < 100 else 100
VICTIMS: Final[tuple[Victim, ...]] = ("projector", "backend", "postgres", "kafka")
"""A backend is the process that serves one connection: its death makes PostgreSQL start anew."""
DECLINED_FROM: Final = 10_000_000
SEED: Final = int(os.environ.get("DISPATCHER_TEST_SEED", "20261123"))


@pytest.fixture
def world(breakable: Services) -> Iterator[World]:
    with world_on(breakable, *ACCOUNTS) as world:
        yield world


@pytest.mark.timeout(10_000 if SWEEP else 900)
def test_verify_is_clean_after_projector_postgresql_and_kafka_were_killed_at_random(
    world: World, breakable: Services, tmp_path: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311 -- to be repeated, not to be secret
    directory = breakable.directory
    assert directory is not None
    order = [VICTIMS[turn % len(VICTIMS)] for turn in range(KILLS)]
    chance.shuffle(order)
    projector = project(world, breakable, tmp_path)
    try:
        for turn, victim in enumerate(order):
            # anywhere in the work: right behind an append, or after some of its rows are there
            midst = chance.randrange(PER_ROUND // 2)
            writer = Writer(world, turn, midst)
            writer.start()
            written = writer.await_executions(midst)
            if chance.random() < 0.5:
                await_executed(world, PER_ROUND * turn + chance.randrange(written + 1), projector)
            assert writer.is_alive()
            writer.go_on()
            match victim:
                case "projector":
                    projector.kill()
                    projector.wait(30)
                    projector = project(world, breakable, tmp_path)
                case "backend":
                    kill_backend(world.database)
                case "postgres" | "kafka":
                    servers.kill(directory, victim)
                    servers.start(directory, victim)
            writer.join()
            assert writer.error is None
            if victim == "kafka":
                writer.tell_again()
        await_executed(world, PER_ROUND * KILLS, projector)
    finally:
        projector.kill()
        projector.wait(30)
    world.catch_up()

    found = verified(world)

    assert [one.differences for one in found] == [()] * len(PROJECTIONS)
    assert rows(world.database, "parked_events") == []
    assert executions(world.database) == PER_ROUND * KILLS


class Writer(Thread):
    """Appends a round's events to both accounts' logs, in turn, whatever is killed meanwhile.

    Behind `midst` executions it waits until it is to `go_on`: as somebody is killed.
    """

    def __init__(self, world: World, turn: int, midst: int) -> None:
        super().__init__()
        self.error: Exception | None = None
        self._midst = midst
        self._goes_on = Event()
        self._world = world
        self._logs = [lived(account, turn) for account in ACCOUNTS]
        self._written = 0
        self._told = Condition()

    def run(self) -> None:
        try:
            parts = [list(batched(log.events, PER_TRANSACTION)) for log in self._logs]
            for somes in zip_longest(*parts, fillvalue=()):
                for log, some in zip(self._logs, somes, strict=True):
                    self._append(log, some)
        except Exception as error:  # noqa: BLE001 -- the test asks for it
            self.error = error

    def go_on(self) -> None:
        self._goes_on.set()

    def tell_again(self) -> None:
        """Append all of the round once more: told twice it is still told once.

        A Kafka of one node that is killed can lose a commit that it has acknowledged: it finishes
        the transaction in its books when it comes back, but writes no marker into the log, and the
        next transaction's abort takes the records with it. Tables cannot have what no log has.
        """
        for log in self._logs:
            for some in batched(log.events, PER_TRANSACTION):
                self._append(log, some)

    def await_executions(self, count: int) -> int:
        """Return how many executions are in the logs, once they are `count` at least."""
        with self._told:
            assert self._told.wait_for(lambda: self._written >= count, timeout=120)
            return self._written

    def _append(self, log: Log, some: Sequence[AnyEvent]) -> None:
        while some:
            try:
                self._world.write(log, some, together=True)
            except KafkaException:
                continue  # whether it was committed nobody knows: told twice it is still told once
            break
        with self._told:
            self._written += sum(isinstance(event, OrderFilled) for event in some)
            self._told.notify_all()
        if self._written >= self._midst:
            assert self._goes_on.wait(120)


def lived(account: str, turn: int) -> Log:
    """Return an account's part of a round: two executions, a decline, and so on."""
    log = Log(AccountName(account))
    each = PER_ROUND // len(ACCOUNTS)
    for number in range(1 + each * turn, 1 + each * (turn + 1)):
        log.intended(number)
        log.filled(number, "10", "100")
        if number % 2:
            log.declined(DECLINED_FROM + number)
    return log


def kill_backend(dsn: str) -> None:
    """Kill the process that serves the projector, if one does just now, as a fault in it would."""
    try:
        with psycopg.connect(dsn) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'dispatcher-projector'"
            ).fetchone()
        if found is not None:
            os.kill(found[0], signal.SIGKILL)
    except (psycopg.OperationalError, ProcessLookupError):
        pass  # it was gone already: as dead as can be


def batched(events: Sequence[AnyEvent], count: int) -> Iterator[Sequence[AnyEvent]]:
    for first in range(0, len(events), count):
        yield events[first : first + count]
