"""What follows from a broker's answer: pure, and the same however often it is told."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.evolve import fold
from accounts.state import TradingStatus
from brokers.broker import Fill, LegReport, OrderReport, OrderStatus
from brokers.errors import OrderRefused
from brokers.simulated import SimulatedBroker, SimulationTerms
from consumers.clock import SystemClock
from consumers.dispatcher.facts import Fact, NeverSent, Reported, WasRefused
from consumers.dispatcher.orders import Orders
from consumers.dispatcher.outcomes import events_of
from consumers.dispatcher.seat import Record
from events.account import AccountHalted, IncidentRecorded
from events.catalog import LogEvent
from events.decision import RecommendationFailed
from events.identifiers import BrokerOrderId, ClientOrderId, Leg
from events.order import OrderAccepted, OrderCanceled, OrderFilled, OrderRejected, OrderResent, Side
from tests.builders import NOW, a_halt, a_resumption, an_account, an_opening
from tests.dispatcher.reports import INTENT, ORDER, WRITER, a_report
from tests.order_builders import (
    a_bracket,
    a_fill,
    a_resend,
    an_acceptance,
    an_intent,
    broker_order_id,
    the_leg,
)


def a_simulated_broker() -> SimulatedBroker:
    """Return a broker that nothing is sent to."""
    return SimulatedBroker(account_number="sim-tiny", terms=SimulationTerms())


def told(report: OrderReport, *before: LogEvent) -> list[LogEvent]:
    """Return what follows from a report in an account with the intent and `before`."""
    state = fold([an_opening(), INTENT, *before])
    fact = Reported(order=ORDER, report=report, looked_up=True)
    return events_of(fact, state, WRITER)


def test_a_report_that_is_told_twice_is_written_once() -> None:
    first = told(a_report(4))

    assert [type(event) for event in first] == [OrderAccepted, OrderFilled]
    assert told(a_report(4), *first) == []


def test_only_fills_that_the_log_lacks_are_written() -> None:
    first = told(a_report(4))

    [fill] = told(a_report(4, 10), *first)

    assert isinstance(fill, OrderFilled)
    assert fill.quantity == 6
    assert fill.cumulative_quantity == 10
    assert fill.cumulative_notional == 1000
    assert fill.fill_key == "10"


def test_a_cancelled_order_keeps_what_had_filled() -> None:
    events = told(a_report(4, status=OrderStatus.CANCELED))

    assert [type(event) for event in events] == [OrderAccepted, OrderFilled, OrderCanceled]
    assert fold([an_opening(), INTENT, *events]).ends.executed == 1


def test_an_order_rejected_after_its_acceptance_is_rejected() -> None:
    accepted = told(a_report())

    [event] = told(a_report(status=OrderStatus.REJECTED), *accepted)

    assert isinstance(event, OrderRejected)
    assert event.message == "rejected after acceptance"
    state = fold([an_opening(), INTENT, *accepted, event])
    assert (dict(state.orders), state.ends.rejected, state.incidents) == ({}, 1, 0)


def test_an_order_rejected_when_a_part_had_filled_keeps_that_part() -> None:
    events = told(a_report(4, status=OrderStatus.REJECTED))

    assert [type(event) for event in events] == [OrderAccepted, OrderFilled, OrderCanceled]
    state = fold([an_opening(), INTENT, *events])
    assert (dict(state.orders), state.ends.executed, state.incidents) == ({}, 1, 0)

    # and: whether the part is told with it or was known before
    before = told(a_report(4))
    [end] = told(a_report(4, status=OrderStatus.REJECTED), *before)
    assert isinstance(end, OrderCanceled)
    assert end.cumulative_quantity == 4


@pytest.mark.parametrize(
    "difference",
    [
        {"symbol": "AAPL"},
        {"quantity": Decimal(11)},
        {"limit_price": Decimal(1)},
        {"created_at": NOW - timedelta(days=1)},
    ],
    ids=str,
)
def test_an_order_that_is_not_ours_is_an_incident_and_halts_the_account(
    difference: dict[str, Any],
) -> None:
    events = told(a_report(10, **difference))

    assert [type(event) for event in events] == [IncidentRecorded, AccountHalted]
    assert told(a_report(10, **difference), *events) == []


@pytest.mark.parametrize(
    "fact",
    [
        NeverSent(order=ORDER, why="not found"),
        WasRefused(order=ORDER, refusal=OrderRefused("insufficient buying power")),
    ],
    ids=["not found", "sent again, refused, and then not found"],
)
def test_an_accepted_order_that_vanished_is_an_incident_and_never_sent_again(fact: Fact) -> None:
    accepted = told(a_report())
    state = fold([an_opening(), INTENT, *accepted])

    events = events_of(fact, state, WRITER)

    assert [type(event) for event in events] == [IncidentRecorded, AccountHalted]


def test_an_order_that_never_went_out_is_sent_again_while_its_advice_is_fresh() -> None:
    state = fold([an_opening(), INTENT])

    [event] = events_of(NeverSent(order=ORDER, why="not found"), state, WRITER)

    assert isinstance(event, OrderResent)
    assert (event.client_order_id, event.attempt) == (ORDER, 2)
    assert event.submit_before == NOW + timedelta(seconds=3)


def test_an_order_whose_advice_is_stale_has_failed() -> None:
    state = fold([an_opening(), INTENT])
    later = replace(WRITER, now=INTENT.fresh_until)

    [event] = events_of(NeverSent(order=ORDER, why="not found"), state, later)

    assert isinstance(event, RecommendationFailed)
    assert event.error.endswith("the recommendation is too old, or its session over")


def test_a_brokers_price_with_more_decimals_than_the_wire_has_is_rounded_once() -> None:
    report = a_report(10)
    fill = replace(report.fills[0], price=Decimal("100.123456785"), fees=Decimal("0.000000001"))

    [_, event] = told(replace(report, fills=(fill,)))

    assert isinstance(event, OrderFilled)
    assert str(event.price) == "100.12345678"
    assert str(event.fees) == "0E-8"


def test_a_clock_of_the_brokers_that_is_a_little_behind_makes_no_stranger_of_our_order() -> None:
    events = told(a_report(10, created_at=NOW - timedelta(seconds=1)))

    assert [type(event) for event in events] == [OrderAccepted, OrderFilled]


def test_what_becomes_of_our_own_accepted_order_is_booked_whatever_the_brokers_clock_says() -> None:
    behind = NOW - timedelta(days=1)
    state = fold([an_opening(), INTENT, *told(a_report())])

    events = events_of(
        Reported(order=ORDER, report=a_report(10, created_at=behind), looked_up=True), state, WRITER
    )

    assert [type(event) for event in events] == [OrderFilled]


def test_an_order_is_not_sent_again_past_the_time_until_which_it_may_be() -> None:
    state = fold([an_opening(), INTENT])
    just_before = replace(WRITER, now=INTENT.fresh_until - timedelta(seconds=1))

    [event] = events_of(NeverSent(order=ORDER, why="not found"), state, just_before)

    assert isinstance(event, OrderResent)
    assert event.submit_before == INTENT.fresh_until


def test_an_attempt_that_another_has_followed_is_not_sent_once_more() -> None:
    state = fold([an_opening(), INTENT, a_resend(INTENT)])

    assert events_of(NeverSent(order=ORDER, why="too late", attempt=1), state, WRITER) == []


def test_an_answer_that_fits_no_record_is_an_incident_and_not_the_end_of_the_process() -> None:
    # given: an answer, and a record that cannot be made of it
    orders = Orders(a_simulated_broker(), SystemClock(), simulated=True)
    state = fold([an_opening(), INTENT, a_halt()])
    orders.start([INTENT], state, stamped_at_s=0.0)

    def encode(event: LogEvent) -> Record:
        if type(event).__name__ == "RecommendationFailed":
            raise ValueError("it does not fit")
        return Record("log", b"")

    # when
    outcomes = orders.outcomes(state, WRITER, encode)

    # then
    assert [type(event) for event in outcomes.events] == [IncidentRecorded, AccountHalted]


@pytest.mark.parametrize("nested", [True, False], ids=["with its entry", "alone"])
def test_an_answer_about_a_leg_that_fits_no_record_is_an_incident_though_its_entry_is_gone(
    *, nested: bool
) -> None:
    # given: a bracket's stop that has filled in part, long after its entry
    bracket = a_bracket()
    stop = the_leg(bracket, Leg.STOP)
    legs: list[LogEvent] = [an_acceptance(stop), a_fill(stop, cumulative=9, price=95)]
    state = an_account(bracket, an_acceptance(bracket), a_fill(bracket), *legs)
    orders = Orders(a_simulated_broker(), SystemClock(), simulated=True)

    # when: the broker tells a sum that contradicts what it told before
    report = replace(
        a_total(10, "1"),
        broker_order_id=BrokerOrderId(broker_order_id(stop)),
        client_order_id=ClientOrderId("the-brokers-own"),
        side=Side.SELL,
        limit_price=None,
    )
    entry = a_report(10, legs=(LegReport(leg=Leg.STOP, report=report),))
    orders.told([entry if nested else report])
    outcomes = orders.outcomes(state, WRITER, lambda _: Record("log", b""))

    # then: a person looks at it, and the next who reads the log goes on
    assert [type(event) for event in outcomes.events] == [IncidentRecorded, AccountHalted]
    orders.written(outcomes, outcomes.state)
    assert orders.facts_unwritten == 0


def test_ten_failures_at_settling_halt_the_account_as_well() -> None:
    # given: an account all of whose intents turn out never to have been sent, too late
    intents = [an_intent(number, ticker=f"T{number % 3}") for number in range(1, 11)]
    state = fold([an_opening(), *intents])
    orders = Orders(a_simulated_broker(), SystemClock(), simulated=True)
    orders.start(intents, state, stamped_at_s=float("-inf"))  # their windows have passed
    orders.collect(10.0, all_of_them=True)
    later = replace(WRITER, now=INTENT.fresh_until)

    # when
    outcomes = orders.outcomes(state, later, lambda _: Record("log", b""))

    # then
    assert outcomes.state.trading.status is TradingStatus.HALTED
    assert "10 recommendations failed in a row" in outcomes.state.trading.reason


def test_what_a_halt_keeps_back_calls_for_no_other_halt() -> None:
    # given: a halted account, and ten orders that were intended just before
    intents = [an_intent(number, ticker=f"T{number % 3}") for number in range(1, 11)]
    state = fold([an_opening(), *intents, a_halt()])
    orders = Orders(a_simulated_broker(), SystemClock(), simulated=True)
    orders.start(intents, state, stamped_at_s=0.0)

    # when: it is resumed before their end is written
    outcomes = orders.outcomes(fold([a_resumption()], state), WRITER, lambda _: Record("log", b""))

    # then
    assert [type(event) for event in outcomes.events] == [RecommendationFailed] * 10
    assert outcomes.state.trading.status is TradingStatus.ACTIVE


def test_a_halted_account_sends_nothing_again() -> None:
    state = fold([an_opening(), INTENT, a_halt()])

    [event] = events_of(NeverSent(order=ORDER, why="not found"), state, WRITER)

    assert isinstance(event, RecommendationFailed)
    assert event.error.endswith("the account is halted")


def a_total(cumulative: int, price: str) -> OrderReport:
    """Return a report of a broker that tells the sum of all fills and their average price."""
    whole = Fill(
        quantity=Decimal(cumulative),
        price=Decimal(price),
        cumulative_quantity=Decimal(cumulative),
        fees=Decimal(0),
        filled_at=NOW,
    )
    return replace(a_report(), fills=(whole,))


def test_of_a_sum_of_fills_only_what_is_new_is_booked() -> None:
    state = fold([an_opening(), INTENT])
    booked: list[OrderFilled] = []
    for report in (a_total(3, "100"), a_total(3, "100"), a_total(10, "100.7")):
        fact = Reported(order=ORDER, report=report, looked_up=True)
        events = events_of(fact, state, WRITER)
        booked += [event for event in events if isinstance(event, OrderFilled)]
        state = fold(events, state)

    assert [(fill.quantity, fill.price) for fill in booked] == [
        (Decimal(3), Decimal(100)),
        (Decimal(7), Decimal(101)),
    ]
    assert booked[-1].cumulative_notional == 1007
    assert state.positions[INTENT.terms.symbol].cost == 1007


def test_a_sum_that_contradicts_what_was_told_is_no_fill() -> None:
    state = fold([an_opening(), INTENT])
    for event in events_of(
        Reported(order=ORDER, report=a_total(9, "100"), looked_up=True), state, WRITER
    ):
        state = fold([event], state)

    with pytest.raises(ValueError, match="were told to have cost"):
        events_of(Reported(order=ORDER, report=a_total(10, "1"), looked_up=True), state, WRITER)
