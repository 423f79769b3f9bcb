"""Accounts are strangers: whatever becomes of one, another's history is the same (P7)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from consumers.cluster import Cluster
from events import roles
from events.account import AccountHalted, DispatcherStarted, DispatcherStopped
from events.catalog import LogEvent
from events.codec import Codec
from events.decision import OffsetsSeen, RecommendationDeclined
from events.identifiers import AccountName
from events.order import OrderFilled, OrderIntended
from events.recommendation import Action, RecommendationIssued
from events.topics import log_of
from tests.builders import NOW, RUN, a_recommendation, an_author, an_opening
from tests.dispatcher.held_dispatcher import Hold
from tests.dispatcher.world import SHORT, World, ends, intents
from tests.services import Services

DAYS: Final = 15
TICKERS: Final = ("MSFT", "AAPL", "KO", "XOM", "GE", "WMT", "PFE", "IBM")


@pytest.fixture
def new_world(services: Services, codec: Codec, tmp_path: Path) -> Iterator[Callable[[], World]]:
    """A function that makes worlds beside each other, in each the same account under one name."""
    worlds = list[World]()

    def make() -> World:
        directory = tmp_path / f"world-{len(worlds)}"
        directory.mkdir()
        cluster = Cluster(services.bootstrap_servers, f"t{uuid4().hex[:12]}.")
        worlds.append(World(services, cluster, codec, directory))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def test_the_history_of_large_default_is_the_same_whatever_becomes_of_tiny(
    new_world: Callable[[], World],
) -> None:
    # given: large-default alone
    alone = _history_of_large(new_world(), lambda _world, _large: None)
    assert sum(isinstance(event, OrderFilled) for event in alone) > DAYS
    assert any(isinstance(event, RecommendationDeclined) for event in alone)

    # when: beside it tiny crashes again and again, or is halted
    beside_a_crashing_one = _history_of_large(new_world(), _crash_again_and_again)
    beside_a_halted_one = _history_of_large(new_world(), _be_halted)

    # then
    assert beside_a_crashing_one == alone
    assert beside_a_halted_one == alone


def _history_of_large(
    world: World, beside: Callable[[World, Callable[[], bool]], None]
) -> list[LogEvent]:
    """Dispatch the same days for large-default, `beside` happening; return what does not vary."""
    large = world.open_account(name="large-default", clock="historical")
    # Many of tiny's lives begin when the one before was killed: the seat has to be free soon.
    tiny = world.open_account(name="tiny", preset="tiny", clock="historical", tuning=SHORT)
    world.publish(*_days())
    running = world.start(large, until_caught_up=True)
    beside(world, lambda: running.process.poll() is None)
    assert running.exit_code() == 0, running.said()
    assert all(event.envelope.account_name == tiny for event in world.log(tiny))
    events = world.log(large)
    assert ends(events) == dict.fromkeys(range(1, DAYS * len(TICKERS) + 1), 1)
    return [_without_times_runs_and_offsets(event) for event in events]


def _crash_again_and_again(world: World, large_goes_on: Callable[[], bool]) -> None:
    """Crash in the checks, and in the seat with an order half sent: until large is done."""
    tiny, beside_large = AccountName("tiny"), 0
    while large_goes_on():
        crashing = world.start(tiny, Hold.IN_ITS_CHECKS)
        seated = world.start(tiny, Hold.BETWEEN_INTENT_AND_SUBMIT)
        assert crashing.exit_code() == 1
        beside_large += large_goes_on()
        seated.kill()
    assert beside_large > 0


def _be_halted(world: World, _large_goes_on: Callable[[], bool]) -> None:
    """Be halted from the first day on, and order nothing."""
    tiny = AccountName("tiny")
    author = an_author(tiny)
    halted = AccountHalted(
        envelope=author.about(f"run:{RUN}", roles.halt(1), occurred_at=NOW - timedelta(hours=1)),
        by="an operator",
        reason="it is not to trade",
    )
    opened = replace(an_opening(by=author), broker_account_number=f"sim-{tiny}")
    world.append(log_of(tiny).name, world.codec.encode(opened), world.codec.encode(halted))
    world.catch_up(tiny)
    assert intents(world.log(tiny)) == []
    assert len(ends(world.log(tiny))) == DAYS * len(TICKERS)


def _days() -> Iterator[RecommendationIssued]:
    """Yield advice of which some is followed, some declined: bought one day, sold the next."""
    for number in range(DAYS * len(TICKERS)):
        day, place = divmod(number, len(TICKERS))
        at = NOW + timedelta(days=day)
        yield a_recommendation(
            recommendation_id=number + 1,
            ticker=TICKERS[place],
            action=Action.SELL if day % 2 else Action.BUY,
            reference_price=Decimal(100 + (7 * number) % 13),
            stop=Decimal(90),
            issued_at=at,
            bar_at=at,
            features_at=at,
        )


def _without_times_runs_and_offsets(event: LogEvent) -> LogEvent:
    """Return the event as it has to be whenever it is told, and by whom.

    On a historical clock the times of what is about a recommendation have to be the same, too.
    """
    envelope = replace(event.envelope, dispatcher_run_id=RUN)
    if envelope.recommendation_id is None:
        envelope = replace(envelope, occurred_at=NOW, correlation_id="")
    if isinstance(event, DispatcherStarted | DispatcherStopped):
        envelope = replace(envelope, event_id=RUN)
    changes: dict[str, object] = {"envelope": envelope}
    if isinstance(event, DispatcherStarted):
        changes["process_id"] = 0
    if isinstance(event, DispatcherStopped):
        changes["started_at"] = NOW
    if isinstance(event, OrderIntended | RecommendationDeclined):
        changes["seen"] = OffsetsSeen(log=0, recommendations=0)
    return replace(event, **changes)  # type: ignore[arg-type] # fields that the event has
