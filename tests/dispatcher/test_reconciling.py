"""Our books against the broker's: what is ours, what is late, what is a difference."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts.evolve import evolve
from accounts.state import AccountState
from brokers.books import Activity, ActivityKind, BrokerBooks, UnreadOrder
from brokers.broker import OrderStatus
from consumers.clock import SystemClock
from consumers.dispatcher.option_ends import adjustments
from consumers.dispatcher.reconciler import Found, Reconciler
from consumers.dispatcher.reconciling import compare, reconciled
from consumers.foreign import HALTING, ForeignPolicy, OnForeign
from events.account import AdjustmentKind, PositionAdjusted
from events.identifiers import BrokerOrderId, ClientOrderId
from events.order import Side
from tests.builders import NOW, a_failure, a_halt, an_account, an_author, an_option
from tests.dispatcher.reports import INTENT, QUANTITY, SYMBOL, a_report, books
from tests.order_builders import a_fill, a_rejection, an_acceptance, an_intent


def test_equal_books_have_no_difference() -> None:
    state = an_account(INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=QUANTITY))
    filled = a_report(int(QUANTITY), status=OrderStatus.FILLED)

    found = compare(state, books(filled, held={SYMBOL: int(QUANTITY)}))

    assert (found.known, found.late, found.differences) == ((), (), ())


def test_an_order_that_is_open_here_is_told_as_any_answer_is() -> None:
    report = a_report(3)

    found = compare(an_account(INTENT), books(report, held={SYMBOL: 3}))

    assert found.known == (report,)
    assert found.differences == ()


def test_an_order_that_nobody_of_us_placed_is_named() -> None:
    strange = a_report(client_order_id=ClientOrderId("by-hand"), symbol="TSLA")

    found = compare(an_account(), books(strange))

    assert len(found.differences) == 1
    assert "by-hand) is not ours" in found.differences[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("by-hand", "is not ours"),
        ("", "is not ours"),
        (INTENT.terms.client_order_id, "has our name and cannot be read"),
    ],
)
def test_an_order_that_cannot_be_read_is_named_beside_all_the_others(name: str, said: str) -> None:
    order = UnreadOrder(
        broker_order_id=BrokerOrderId("b-9"),
        client_order_id=ClientOrderId(name),
        told="new mleg 1",
    )
    report = a_report(3)

    found = compare(an_account(INTENT), replace(books(report, held={SYMBOL: 3}), unread=(order,)))

    assert found.known == (report,)
    assert found.differences == (f"order b-9 (new mleg 1, client order id {name}) {said}",)


@pytest.mark.parametrize("name", ["other-1-entry", "tiny-2-entry", "tiny-x-entry", "1-entry"])
def test_an_order_id_that_only_looks_like_ours_is_not(name: str) -> None:
    state = an_account(INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=QUANTITY))
    strange = a_report(client_order_id=ClientOrderId(name))

    assert "is not ours" in compare(state, books(strange)).differences[0]


def test_an_order_that_shows_up_after_it_was_given_up_is_late() -> None:
    failed = replace(a_failure(), client_order_id=INTENT.terms.client_order_id)
    state = an_account(INTENT, failed)
    report = a_report(2)

    found = compare(state, books(report, held={SYMBOL: 2}))

    assert found.late == (report,)
    assert found.differences == ()


def test_an_order_that_ended_while_the_books_were_on_their_way_is_not_late() -> None:
    # given: a look at the books that began while the order worked
    accepted = an_account(INTENT, an_acceptance(INTENT))
    ended = an_account(INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=QUANTITY))
    reconciler = Reconciler(_Keeper(books(a_report())), SystemClock(), 60_000)
    assert reconciler.look(accepted) is None

    # when: it comes back after the log has heard of the last fill
    found = _looked(reconciler, ended)

    # then: by the next look it stands
    assert found.comparison.late == ()
    reconciler.close()


class _Keeper:
    """A broker of which nothing is known but its books."""

    def __init__(self, kept: BrokerBooks) -> None:
        self._kept = kept

    def books(self, since: datetime, asked_at: datetime) -> BrokerBooks:
        assert since < asked_at
        return self._kept


def _looked(reconciler: Reconciler, state: AccountState) -> Found:
    deadline = time.monotonic() + 10
    while (found := reconciler.look(state)) is None:
        assert time.monotonic() < deadline
    assert isinstance(found, Found)
    return found


def test_a_holding_that_differs_is_a_difference_in_numbers() -> None:
    state = an_account(INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=QUANTITY))

    found = compare(state, books(held={SYMBOL: 3, "TSLA": -2}))

    assert found.differences == (
        f"the broker holds 3 of {SYMBOL}, our log {QUANTITY:f}",
        "the broker holds -2 of TSLA, our log 0",
    )


def test_what_is_in_motion_is_not_compared_yet() -> None:
    at_work = a_report(broker_order_id=BrokerOrderId("b-9"))

    assert compare(an_account(INTENT), books(at_work, held={SYMBOL: 7})).differences == ()


TELLING = ForeignPolicy(orders=OnForeign.REPORT, positions=OnForeign.REPORT)


@pytest.mark.parametrize("of", ["orders", "positions"])
def test_what_is_not_ours_is_only_reported_where_the_account_says_so(of: str) -> None:
    # given: a stranger's order and a holding in a ticker that was never ours
    strange = a_report(client_order_id=ClientOrderId("by-hand"), symbol="TSLA")
    told = replace(
        books(strange, held={"NVDA": 7}),
        unread=(
            UnreadOrder(
                broker_order_id=BrokerOrderId("b-9"),
                client_order_id=ClientOrderId(""),
                told="new mleg 1",
            ),
        ),
    )
    policy = replace(HALTING, **{of: OnForeign.REPORT})

    # when
    found = compare(an_account(INTENT), told, policy)

    # then: all of it is told, and what halts comes first
    assert len(found.differences) == 3
    about = "is not ours" if of == "orders" else "NVDA"
    assert found.reported == {one for one in found.differences if about in one}
    assert all(one.endswith("; only reported") for one in found.reported)
    assert found.differences[-1] in found.reported
    assert found.differences[0] not in found.reported


@pytest.mark.parametrize(
    "held",
    [
        pytest.param({SYMBOL: 3}, id="fewer than we hold"),
        pytest.param({SYMBOL: int(QUANTITY), f"{SYMBOL}260116C00300000": 1}, id="its option"),
        pytest.param({}, id="none of it"),
    ],
)
def test_a_difference_in_what_was_ever_ours_is_never_only_reported(held: dict[str, int]) -> None:
    state = an_account(INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=QUANTITY))

    found = compare(state, books(held=held), TELLING)

    assert len(found.differences) == 1
    assert found.reported == frozenset()


def test_what_was_sold_and_is_there_again_is_ours_to_explain() -> None:
    bought = (INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=QUANTITY))
    sale = an_intent(2, side=Side.SELL, quantity=QUANTITY, closes=True)
    sold = (sale, an_acceptance(sale), a_fill(sale, cumulative=QUANTITY))
    state = an_account(*bought, *sold)
    assert SYMBOL not in state.positions

    found = compare(state, books(held={SYMBOL: 3}), TELLING)

    assert found.reported == frozenset()
    assert found.differences == (f"the broker holds 3 of {SYMBOL}, our log 0",)


def test_an_order_with_our_name_that_cannot_be_read_is_never_only_reported() -> None:
    order = UnreadOrder(
        broker_order_id=BrokerOrderId("b-9"),
        client_order_id=ClientOrderId(INTENT.terms.client_order_id),
        told="new mleg 1",
    )

    found = compare(an_account(INTENT), replace(books(), unread=(order,)), TELLING)

    assert len(found.differences) == 1
    assert found.reported == frozenset()


@pytest.mark.parametrize(("policy", "differ"), [(HALTING, 1), (TELLING, 2)])
def test_a_strangers_order_that_rests_for_weeks_hides_no_difference_in_our_holding(
    policy: ForeignPolicy, differ: int
) -> None:
    state = an_account(INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=QUANTITY))
    strange = a_report(client_order_id=ClientOrderId("by-hand"), status=OrderStatus.WORKING)

    found = compare(state, books(strange, held={SYMBOL: 3}), policy)

    assert len(found.differences) == differ  # a halted account is looked into anyway


@pytest.mark.parametrize(("ours", "is_reported"), [(60, False), (50, True), (0, True)])
def test_what_is_cut_off_halts_unless_all_of_it_is_only_reported(
    ours: int, *, is_reported: bool
) -> None:
    tickers = [f"T{number}" for number in range(60)]
    intents = [an_intent(number + 1, ticker) for number, ticker in enumerate(tickers[:ours])]
    state = an_account(*intents, *(a_rejection(intent) for intent in intents))

    found = compare(state, books(held=dict.fromkeys(tickers, 1)), TELLING)

    assert found.differences[-1].startswith("and 10 more")
    assert (found.differences[-1] in found.reported) is is_reported


def test_many_differences_stay_one_record() -> None:
    found = compare(an_account(), books(held={f"T{number}": 1 for number in range(500)}))

    assert len(found.differences) == 51
    assert found.differences[-1] == "and 450 more"


def test_what_was_found_becomes_one_event_with_the_brokers_figures() -> None:
    told = books(
        held={"TSLA": 1}, cash=Decimal("10.123456789"), equity=Decimal(90), last_equity=Decimal(100)
    )
    event = reconciled(compare(an_account(), told).differences, told, an_author(), NOW)

    after = evolve(an_account(), event)

    assert after.differences == ("the broker holds 1 of TSLA, our log 0",)
    assert after.broker is not None
    assert (after.broker.cash, after.broker.equity) == (Decimal("10.12345679"), Decimal(90))
    assert after.broker.buying_power is None


def test_an_options_expiry_is_booked_once_by_the_brokers_activity() -> None:
    state = an_account(INTENT, an_acceptance(INTENT), a_fill(INTENT, cumulative=QUANTITY))
    expiry = Activity(
        activity_id="20260116::1",
        kind=ActivityKind.EXPIRY,
        symbol=SYMBOL,
        quantity_change=-QUANTITY,
        price=Decimal(0),
        booked_on="2026-01-16",
    )

    [event] = adjustments(state, [expiry], an_author(), NOW)
    assert isinstance(event, PositionAdjusted)
    assert event.kind is AdjustmentKind.EXPIRY
    after = evolve(state, event)

    assert SYMBOL not in after.positions
    assert list(adjustments(after, [expiry], an_author(), NOW)) == []


def test_what_we_never_held_is_not_adjusted() -> None:
    other = Activity(
        activity_id="20260116::2",
        kind=ActivityKind.ASSIGNMENT,
        symbol="TSLA",
        quantity_change=Decimal(100),
        price=Decimal(200),
        booked_on="2026-01-16",
    )

    assert list(adjustments(an_account(a_halt()), [other], an_author(), NOW)) == []


@pytest.mark.parametrize(("days_after_expiry", "differs"), [(-1, True), (0, False), (9, True)])
def test_a_contract_that_has_expired_is_given_time_to_be_booked(
    days_after_expiry: int, *, differs: bool
) -> None:
    # given: a contract in our books that the broker's have no more
    expiry = (NOW + timedelta(minutes=5) - timedelta(days=days_after_expiry)).date()
    symbol = f"MSFT{expiry:%y%m%d}C00300000"
    intent = an_intent(option=an_option(symbol=symbol), quantity=2)
    bought = an_account(intent, an_acceptance(intent), a_fill(intent, cumulative=2))

    found = compare(bought, books())

    assert bool(found.differences) is differs
