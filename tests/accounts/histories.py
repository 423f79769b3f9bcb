"""Histories of an account, likely and unlikely, for tests of every fold."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from accounts.evolve import fold
from accounts.state import AccountState
from events import roles
from events.account import (
    AccountReconciled,
    AdjustmentKind,
    CostBasis,
    DispatcherStarted,
    IncidentRecorded,
)
from events.catalog import LogEvent
from events.envelope import Envelope
from events.identifiers import Leg, RecommendationId
from events.order import OrderIntended, Side
from tests.builders import (
    NOW,
    RUN,
    a_decline,
    a_failure,
    a_halt,
    a_reduction,
    a_resumption,
    an_adjustment,
    an_author,
    an_opening,
    an_option,
)
from tests.order_builders import (
    a_bracket,
    a_cancellation,
    a_fill,
    a_rejection,
    a_resend,
    an_acceptance,
    an_expiry,
    an_intent,
    an_unknown_outcome,
    the_leg,
)


def a_start(number: int) -> DispatcherStarted:
    """Return that a dispatcher took the seat for the `number`-th time."""
    at = NOW + timedelta(seconds=number)
    envelope = an_author().about(f"run:{RUN}", roles.started(number), occurred_at=at)
    return DispatcherStarted(envelope=envelope, host="host", process_id=1, limits="{}")


def a_reconciliation(minutes: int, equity: Decimal | None, *differences: str) -> AccountReconciled:
    """Return that the books were held against the broker's, which may name its figures."""
    at = NOW + timedelta(minutes=minutes)
    return AccountReconciled(
        envelope=an_author().about(f"at:{minutes}", roles.RECONCILED, occurred_at=at),
        differences=differences,
        broker_equity=equity,
        broker_cash=equity,
    )


def life_of(intent: OrderIntended, number: int) -> list[LogEvent]:
    """Return everything that can be told about an intent, sense or not."""
    some = a_fill(intent, 3, 99, fees="0.35")
    more = a_fill(intent, 7, 101, before=some, fees="0.35")
    return [
        intent,
        a_decline(number),
        a_failure(number),
        an_acceptance(intent),
        a_rejection(intent),
        an_unknown_outcome(intent, 1),
        a_resend(intent, 2),
        an_unknown_outcome(intent, 2),
        some,
        more,
        a_fill(intent, 10, 100, before=more),
        a_fill(intent, 11, 100, before=more),
        a_cancellation(intent),
        a_cancellation(intent, 7),
        an_expiry(intent),
    ]


def late(number: int) -> list[LogEvent]:
    """Return what is told of an order that shows up after it had failed, a day later."""
    author, at = an_author(), NOW + timedelta(days=1)

    def about(role: str) -> Envelope:
        return author.about_recommendation(RecommendationId(number), role, occurred_at=at)

    late_fill = an_adjustment(
        3, 97, kind=AdjustmentKind.LATE_FILL, envelope=about(roles.adjusted("late_fill"))
    )
    return [
        IncidentRecorded(envelope=about(roles.incident("late")), kind="order-late", message="late"),
        replace(a_halt(6), envelope=about(roles.incident("halt"))),
        late_fill,
    ]


EVENTS: Final[list[LogEvent]] = [
    *life_of(an_intent(1, quantity=10), 1),
    *life_of(an_intent(2, quantity=10, price=130, at=NOW + timedelta(days=1)), 2),
    *life_of(an_intent(3, side=Side.SELL, quantity=10, price=110, closes=True), 3),
    *life_of(an_intent(4, quantity=10, price=5, option=an_option()), 4),
    *life_of(a_bracket(5), 5),
    *life_of(the_leg(a_bracket(5), Leg.STOP), 5)[3:],
    *life_of(the_leg(a_bracket(5), Leg.TARGET), 5)[3:],
    a_halt(1),
    replace(a_halt(4), cancel_open=True),
    a_start(1),
    a_reconciliation(1, Decimal(100_000)),
    a_reconciliation(2, None, "MSFT: 9, not 10"),
    a_resumption(2),
    a_reduction(3),
    an_adjustment(5, 100, activity="1"),
    an_adjustment(-20, 90, activity="2"),
    an_adjustment(-3, kind=AdjustmentKind.CORPORATE_ACTION, activity="3"),
    an_adjustment(0, activity="4", fees=Decimal(2)),
    IncidentRecorded(
        envelope=an_author().about(f"run:{RUN}", roles.incident("x"), occurred_at=NOW),
        kind="x",
        message="x",
    ),
    *late(6),
]
LOGS: Final = st.lists(st.sampled_from(range(len(EVENTS))), max_size=60)


def likely(number: int) -> st.SearchStrategy[list[int]]:
    """Return logs in which an order's life is dense enough to get anywhere."""
    start = number * 15
    return st.lists(st.sampled_from(range(start, start + 15)), min_size=5, max_size=30).map(
        lambda told: [start, *told]
    )


def bracketed() -> st.SearchStrategy[list[int]]:
    """Return logs of a bracket and of its legs."""
    start = 4 * 15
    return st.lists(st.sampled_from(range(start, start + 15 + 2 * 12)), max_size=40).map(
        lambda told: [start, *told]
    )


ANY_LOG: Final = (
    LOGS
    | likely(0)
    | likely(2)
    | bracketed()
    | st.tuples(likely(0), LOGS).map(lambda two: two[0] + two[1])
)


def told(numbers: list[int], cost_basis: CostBasis = CostBasis.AVERAGE) -> AccountState:
    opening = replace(an_opening(), cost_basis=cost_basis)
    return fold([opening, *(EVENTS[number] for number in numbers)])
