"""Orders are asked about as often as it takes, and no oftener: requests are few."""

from dataclasses import replace

import pytest

from accounts.evolve import fold
from accounts.orders import OpenOrder, OrderStatus
from consumers.dispatcher.settling import (
    ABSENCES_NEEDED,
    EACH_S,
    EACH_TOLD_S,
    PAUSE_S_MAX,
    TOLD_PAUSE_S_MAX,
    Settling,
)
from consumers.dispatcher.submitter import NotFound
from tests.builders import an_opening
from tests.clocks import HandMovedClock
from tests.order_builders import an_intent

[ORDER] = fold([an_opening(), an_intent()]).orders.values()


@pytest.fixture
def clock() -> HandMovedClock:
    return HandMovedClock()


@pytest.fixture
def settling(clock: HandMovedClock) -> Settling:
    return Settling(clock.elapsed_s, ledger_is_final=False)


def an_order(name: str, status: OrderStatus = OrderStatus.ACCEPTED) -> OpenOrder:
    terms = replace(ORDER.terms, client_order_id=name)
    return replace(ORDER, terms=terms, status=status)


def asked_within(settling: Settling, clock: HandMovedClock, minutes: int) -> int:
    """Return how many questions fall due, looked at ten times a second."""
    asked = 0
    for _ in range(minutes * 600):
        clock.seconds += 0.1
        asked += len(settling.due())
    return asked


def test_a_working_order_is_asked_about_now_and_then_while_the_broker_tells_of_it(
    settling: Settling, clock: HandMovedClock
) -> None:
    settling.told_by(1)
    settling.watch([an_order("one")])
    asked_within(settling, clock, 1)  # soon at first

    assert asked_within(settling, clock, 10) == pytest.approx(600 / TOLD_PAUSE_S_MAX, abs=1)


def test_and_oftener_while_nobody_does(settling: Settling, clock: HandMovedClock) -> None:
    settling.watch([an_order("one")])
    asked_within(settling, clock, 1)

    assert asked_within(settling, clock, 10) == pytest.approx(600 / PAUSE_S_MAX, abs=3)


@pytest.mark.parametrize(("connection", "each_s"), [(0, EACH_S), (1, EACH_TOLD_S)])
def test_a_hundred_working_orders_leave_room_to_new_ones(
    settling: Settling, clock: HandMovedClock, connection: int, each_s: float
) -> None:
    settling.told_by(connection)
    settling.watch([an_order(f"order-{number}") for number in range(100)])
    asked_within(settling, clock, 5)

    assert asked_within(settling, clock, 10) <= 600 / each_s + 1


def test_an_order_whose_fate_is_unknown_waits_for_none_of_them(
    settling: Settling, clock: HandMovedClock
) -> None:
    settling.told_by(1)
    settling.watch([an_order(f"order-{number}") for number in range(100)])
    settling.watch([an_order("unknown", OrderStatus.UNKNOWN)])
    clock.seconds += PAUSE_S_MAX

    assert settling.due(1) == ["unknown"]
    assert len(settling.due(30)) == 30
    assert len(settling.due()) == 70


def test_a_new_connection_hastens_every_question_once(
    settling: Settling, clock: HandMovedClock
) -> None:
    settling.told_by(1)
    settling.watch([an_order("one"), an_order("two")])
    asked_within(settling, clock, 5)
    while settling.due():
        pass

    settling.told_by(2)

    assert settling.due() == ["one", "two"]
    settling.told_by(2)
    assert settling.due() == []


def test_stray_denials_with_good_answers_between_them_prove_no_absence(
    settling: Settling, clock: HandMovedClock
) -> None:
    order = an_order("one").client_order_id
    settling.watch([an_order("one")])
    clock.seconds += 3600
    not_found = NotFound(order=order, at_elapsed_s=clock.seconds)

    for _ in range(ABSENCES_NEEDED + 1):
        assert not settling.proves_absence(not_found)
        settling.found(order)
    for _ in range(ABSENCES_NEEDED - 1):
        assert not settling.proves_absence(not_found)
    assert settling.proves_absence(not_found)
