"""What if: the dispatcher's own decisions over a real log, simulated."""

from dataclasses import replace
from datetime import date, timedelta
from json import dumps
from threading import Event
from typing import Final
from unittest.mock import patch

import pytest

from accounts.limits import LARGE, Limits
from accounts.state import AccountState, TradingStatus
from accounts.track_record import Fate
from consumers.account_history import Period, lived
from consumers.dispatcher import decider
from consumers.dispatcher.process import run_dispatcher
from consumers.publish import parse_lines
from consumers.recorded_advice import recorded_advice
from consumers.settings import load_settings
from consumers.settings_limits import with_limits
from consumers.what_if import RUN, Difference, Simulation, compare, moments
from events.account import AccountHalted, AccountOpened, AccountReduced
from events.catalog import LogEvent
from events.decision import OffsetsSeen, RecommendationDeclined
from events.identifiers import AccountName
from events.order import OrderIntended
from examples.signal_engine.engine import recommendations
from tests.builders import NOW, a_recommendation, an_author, an_opening
from tests.dispatcher.world import World

SEEN: Final = OffsetsSeen(log=0, recommendations=0)


def _an_account_with_a_past(world: World, start: date, end: date) -> AccountName:
    account = world.open_account(
        clock="historical", more="simulation = { partial_fills = true, fee_per_order = 0.25 }"
    )
    world.publish(*parse_lines(dumps(line) for line in recommendations(start, end)))
    run_dispatcher(load_settings(world.config, {}), account, until_caught_up=True, stop=Event())
    return account


def _simulation(world: World, account: AccountName, limits: Limits = LARGE) -> Simulation:
    settings = load_settings(world.config, {}).account(account)
    [opened] = [event for event in world.log(account) if isinstance(event, AccountOpened)]
    return Simulation(settings, limits, opened, world.codec)


def _comparable(event: LogEvent) -> LogEvent:
    """Who said it when, and what of the log was seen, is the run's own."""
    envelope = replace(event.envelope, dispatcher_run_id=RUN, config_hash="", build="")
    if isinstance(event, OrderIntended | RecommendationDeclined):
        return replace(event, envelope=envelope, seen=SEEN)
    return replace(event, envelope=envelope)


def test_with_its_own_limits_an_account_lives_its_own_life_again_event_by_event(
    world: World,
) -> None:
    account = _an_account_with_a_past(world, date(2020, 1, 2), date(2020, 6, 30))
    advice = recorded_advice(world.cluster, world.codec, Period())
    simulation = _simulation(world, account)

    found = [event for moment in moments(advice) for event in simulation.turn(moment)]

    happened = [
        event
        for event in world.log(account)
        if event.envelope.recommendation_id or isinstance(event, AccountHalted | AccountReduced)
    ]
    assert len(happened) > 300
    assert list(map(_comparable, found)) == list(map(_comparable, happened))
    past = lived(world.cluster, account, world.codec, Period())
    assert past.record is not None
    assert simulation.record.fates == past.record.fates
    assert simulation.record.summary() == past.record.summary()
    assert past.record.summary().equity == past.state.equity


def test_other_limits_hold_and_every_recommendation_is_accounted_for(world: World) -> None:
    account = _an_account_with_a_past(world, date(2020, 1, 2), date(2020, 3, 31))
    advice = recorded_advice(world.cluster, world.codec, Period())
    changed = with_limits(LARGE, ["max_open_positions=2", "max_notional_exposure=4000"])

    found = compare(_simulation(world, account), _simulation(world, account, changed), advice)
    again = compare(_simulation(world, account), _simulation(world, account, changed), advice)

    assert found == again
    assert found.what_if.peak_positions == 2 < found.now.peak_positions
    assert found.what_if.peak_exposure <= 4000 < found.now.peak_exposure
    for one in (found.now, found.what_if):
        assert sum(one.ends.values()) == len(advice)
        assert sum(one.declined_by.values()) == one.ends["declined"]
    executed = found.what_if.ends["executed"] - found.now.ends["executed"]
    ends = [one for one in found.differing if one.kind is Difference.END]
    assert executed == sum(_is_executed(one.what_if) - _is_executed(one.now) for one in ends)
    assert executed < 0


def test_a_period_is_decided_by_an_account_that_opens_with_it(world: World) -> None:
    account = _an_account_with_a_past(world, date(2020, 1, 2), date(2020, 3, 31))
    everything = recorded_advice(world.cluster, world.codec, Period())
    middle = everything[len(everything) // 2].recommendation
    assert middle is not None
    period = Period(start=middle.issued_at)

    advice = recorded_advice(world.cluster, world.codec, period)

    issued = [one.recommendation.issued_at for one in advice if one.recommendation]
    assert min(issued) == middle.issued_at
    simulation = _simulation(world, account)
    for moment in moments(advice):
        simulation.turn(moment)
    assert simulation.record.start.positions == AccountState().positions
    assert len(simulation.record.fates) == len(advice) < len(everything)
    past = lived(world.cluster, account, world.codec, period)
    assert past.record is not None
    assert past.record.fates.keys() == simulation.record.fates.keys()
    assert past.record.start.ends.total == len(everything) - len(advice)


@pytest.mark.parametrize("resume_next_day", [False, True])
def test_an_account_that_has_stopped_itself_trades_again_the_next_day_if_asked_to(
    world: World, *, resume_next_day: bool
) -> None:
    account = world.open_account(clock="historical")
    first = [
        a_recommendation(recommendation_id=number, ticker=f"T{number}") for number in range(1, 12)
    ]
    later = [
        a_recommendation(recommendation_id=100 + hours, issued_at=NOW + timedelta(hours=hours))
        for hours in (1, 24)
    ]
    world.publish(*first, *later)  # the first of the later ones on the day of the halt
    moments_of_both = list(moments(recorded_advice(world.cluster, world.codec, Period())))
    settings = load_settings(world.config, {}).account(account)
    opened = an_opening(by=an_author(account))
    simulation = Simulation(settings, LARGE, opened, world.codec, resume_next_day=resume_next_day)

    with patch.object(decider, "decide", side_effect=ZeroDivisionError("a bug was planted here")):
        simulation.turn(moments_of_both[0])
    for moment in moments_of_both[1:]:
        simulation.turn(moment)

    found = simulation.record.summary()
    assert found.ends["failed"] >= 10
    assert found.ends["executed"] == (1 if resume_next_day else 0)
    status = TradingStatus.ACTIVE if resume_next_day else TradingStatus.HALTED
    assert found.trading.status is status


def _is_executed(fate: Fate) -> bool:
    return fate.end == "EXECUTED"
