"""What if: the dispatcher's own decisions over a real log, simulated."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from json import dumps
from threading import Event
from typing import Any, Final
from unittest.mock import patch

import pytest

from accounts.limits import LARGE, Limits
from accounts.state import TradingStatus
from accounts.track_record import Fate
from brokers.simulated import RECOMMENDATION
from consumers.account_history import Period
from consumers.as_of import account_as_of
from consumers.dispatcher import decider
from consumers.dispatcher.process import run_dispatcher
from consumers.publish import parse_lines
from consumers.recorded_advice import recorded_advice
from consumers.settings import load_settings
from consumers.settings_limits import with_limits
from consumers.what_if import RUN, Difference, Simulation, compare, moments
from consumers.what_if_market import Seen, SeenMarket
from consumers.what_if_past import Past, past_in, past_of
from events.account import AccountHalted, AccountOpened, AccountReduced
from events.catalog import LogEvent
from events.decision import OffsetsSeen, RecommendationDeclined
from events.identifiers import AccountName, Leg
from events.order import OrderIntended
from events.recommendation import InstrumentType
from examples.signal_engine.engine import recommendations
from tests.builders import (
    NOW,
    a_call,
    a_decline,
    a_market,
    a_recommendation,
    an_author,
    an_opening,
    an_option,
)
from tests.dispatcher.world import World
from tests.order_builders import (
    a_bracket,
    a_cancellation,
    a_fill,
    an_acceptance,
    an_intent,
    the_leg,
)

SEEN: Final = OffsetsSeen(log=0, recommendations=0)


def _an_account_with_a_past(world: World, start: date, end: date) -> AccountName:
    account = world.open_account(
        clock="historical", more="simulation = { partial_fills = true, fee_per_order = 0.25 }"
    )
    world.publish(*parse_lines(dumps(line) for line in recommendations(start, end)))
    run_dispatcher(load_settings(world.config, {}), account, until_caught_up=True, stop=Event())
    return account


def _simulation(
    world: World, account: AccountName, limits: Limits = LARGE, past: Past | None = None
) -> Simulation:
    settings = load_settings(world.config, {}).account(account)
    [opened] = [event for event in world.log(account) if isinstance(event, AccountOpened)]
    return Simulation(settings, limits, opened, world.codec, past=past)


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
    past = past_of(world.cluster, account, world.codec, Period())
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


def test_a_period_goes_on_from_the_account_as_it_was_then_event_by_event(world: World) -> None:
    account = _an_account_with_a_past(world, date(2020, 1, 2), date(2020, 3, 31))
    everything = recorded_advice(world.cluster, world.codec, Period())
    middle = everything[len(everything) // 2].recommendation
    assert middle is not None
    period = Period(start=middle.issued_at)

    advice = recorded_advice(world.cluster, world.codec, period)
    past = past_of(world.cluster, account, world.codec, period)
    simulation = _simulation(world, account, past=past)
    found = [event for moment in moments(advice) for event in simulation.turn(moment)]

    issued = [one.recommendation.issued_at for one in advice if one.recommendation]
    assert min(issued) == middle.issued_at
    as_it_was = account_as_of(
        world.cluster, account, world.codec, middle.issued_at - timedelta(microseconds=1)
    )
    assert as_it_was is not None
    assert past.start == as_it_was.state
    assert len(as_it_was.state.positions) > 0
    happened = [
        event
        for event in world.log(account)
        if event.envelope.recommendation_id or isinstance(event, AccountHalted | AccountReduced)
    ]
    assert 0 < len(found) < len(happened)
    assert list(map(_comparable, found)) == list(map(_comparable, happened[-len(found) :]))
    assert past.record is not None
    assert simulation.record.fates == past.record.fates
    assert simulation.record.summary() == past.record.summary()


def test_where_the_log_does_not_reach_back_an_account_opens_with_its_cash(world: World) -> None:
    account = world.open_account(clock="historical")
    period = Period(start=NOW - timedelta(days=30))
    opened = an_opening(by=an_author(account))

    past = past_in([opened, an_intent()], period)
    settings = load_settings(world.config, {}).account(account)
    simulation = Simulation(settings, LARGE, opened, world.codec, past=past)

    assert past.start is None
    assert simulation.record.start.cash == 100_000
    assert dict(simulation.record.start.orders) == {}


def test_orders_that_were_open_at_the_start_become_what_they_became_on_the_log(
    world: World,
) -> None:
    """One held by its stop and target, of which the target fills; one that is still on its way."""
    account = world.open_account(clock="historical")
    held, coming = a_bracket(1, "A"), an_intent(2, "B")
    target, stop = the_leg(held, Leg.TARGET), the_leg(held, Leg.STOP)
    before: list[LogEvent] = [held, an_acceptance(held), a_fill(held), coming]
    later: list[LogEvent] = [an_acceptance(coming), a_fill(coming), a_fill(target, price=110)]
    start = NOW + timedelta(days=1)
    log = [an_opening(), *before, *(_at(event, start) for event in (*later, a_cancellation(stop)))]
    settings = load_settings(world.config, {}).account(account)
    advice = replace(a_recommendation(recommendation_id=3, ticker="C"), **_issued(start, hours=1))
    world.publish(advice)
    [moment] = moments(recorded_advice(world.cluster, world.codec, Period()))

    past = past_in(log, Period(start=start))
    simulation = Simulation(settings, LARGE, an_opening(), world.codec, past=past)
    found = [*simulation.turn(moment), *simulation.finish()]

    assert past.start is not None
    assert set(past.start.orders) == {one.terms.client_order_id for one in (target, stop, coming)}
    assert (past.orders, past.brackets) == (0, 0)
    assert [event.envelope.event_id for event in found[:4]] == [
        event.envelope.event_id for event in log[-4:]
    ]
    assert simulation.record.summary().realised_pnl == 100
    assert simulation.record.summary().peak_positions == 2
    assert simulation.record.summary().open == 0


def test_a_course_decides_on_the_market_that_the_accounts_own_decision_saw(world: World) -> None:
    """It saw MSFT half a dollar dearer, and chose a contract where the advice named none."""
    account = world.open_account(clock="historical")
    stock, call = a_recommendation(), a_call(recommendation_id=2, option=None)
    call = replace(call, **_issued(NOW, hours=1))
    unseen = a_recommendation(
        recommendation_id=3,
        ticker="B",
        reference_price=Decimal(50),
        stop=Decimal(48),
        **_issued(NOW, hours=1),
    )
    world.publish(stock, call, unseen)
    chosen = replace(an_option(), bid=None, ask=None)
    market = a_market("5.05", source="the broker", bid=Decimal(5), ask=Decimal("5.10"))
    log: list[LogEvent] = [
        an_opening(),
        replace(an_intent(1), market=a_market("100.50", source="the broker")),
        replace(a_decline(2), instrument_type=InstrumentType.CALL, option=chosen, market=market),
    ]
    settings = load_settings(world.config, {}).account(account)
    advice = recorded_advice(world.cluster, world.codec, Period())

    past = past_in(log, Period())
    simulation = Simulation(settings, LARGE, an_opening(), world.codec, past=past)
    found = [event for moment in moments(advice) for event in simulation.turn(moment)]

    intents = {
        event.envelope.recommendation_id: event
        for event in found
        if isinstance(event, OrderIntended)
    }
    assert {number: event.market.source for number, event in intents.items()} == {
        1: "the broker",
        2: "the broker",
        3: RECOMMENDATION,
    }
    assert intents[1].terms.reference_price == Decimal("100.50")
    assert (intents[2].terms.symbol, intents[2].option) == (chosen.symbol, chosen)
    assert intents[3].terms.reference_price == 50
    price = simulation.record.fates[1].price
    assert price is not None
    assert price > Decimal("100.50")


def test_what_was_seen_of_another_contract_is_not_taken_for_this_one() -> None:
    other = an_option(symbol="MSFT220414C00310000", strike=Decimal(310))
    seen = SeenMarket({1: Seen(a_market(9, source="the broker"), other)})

    named = seen.view(a_call())
    unnamed = seen.view(a_call(option=None))

    assert named is not None
    assert unnamed is not None
    assert (named.market.source, named.market.reference_price) == (RECOMMENDATION, Decimal(5))
    assert (unnamed.market.source, unnamed.option) == ("the broker", other)


def test_stops_and_targets_of_the_period_are_counted_as_they_are_left_out() -> None:
    early, bracket = a_bracket(1, "A"), a_bracket(2, "B")
    start = NOW + timedelta(days=1)
    in_time = [_at(event, start) for event in (bracket, an_intent(3, "C"))]

    past = past_in([an_opening(), early, *in_time], Period(start=start))

    assert (past.orders, past.brackets) == (2, 1)


def _at(event: LogEvent, moment: datetime) -> LogEvent:
    return replace(event, envelope=replace(event.envelope, occurred_at=moment))


def _issued(at: datetime, *, hours: int) -> dict[str, Any]:
    moment = at + timedelta(hours=hours)
    return {"issued_at": moment, "bar_at": moment, "features_at": moment}


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
